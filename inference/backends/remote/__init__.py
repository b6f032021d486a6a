"""The backend that forwards requests to engines with OpenAI's API, such as vLLM, SGLang and llama.cpp."""
