"""Writes a Glm4ForCausalLM of transformers as llama.cpp's GGUF: python gguf_checkpoint.py DIRECTORY FILE

llama.cpp's own converter is no part of a package. This one knows GLM-4 with a byte-level tokenizer alone.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

UNUSED_MERGE = "Ā Ā"  # of two zero bytes: llama.cpp wants at least one merge


def write_gguf(directory: Path, path: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.GLM4])
    head_dim, rope = config["head_dim"], config["rope_parameters"]
    writer.add_name("glm4")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope["partial_rotary_factor"]))
    _add_tokenizer(writer, directory, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GLM4, config["num_hidden_layers"])
    for name, tensor in load_file(directory / "model.safetensors").items():
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, directory: Path, config: dict[str, object]) -> None:
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    added = tokenizer.get_added_tokens_decoder()
    size = int(str(config["vocab_size"]))
    tokens = [tokenizer.id_to_token(index) or f"<unused {index}>" for index in range(size)]
    kinds = [gguf.TokenType.NORMAL] * size
    for index, token in added.items():
        kinds[index] = gguf.TokenType.CONTROL if token.special else gguf.TokenType.USER_DEFINED
    merges = json.loads((directory / "tokenizer.json").read_text())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("glm4")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(each) for each in merges] or [UNUSED_MERGE])
    eos = config["eos_token_id"]
    assert isinstance(eos, list)
    writer.add_eos_token_id(eos[0])
    writer.add_eot_token_id(eos[-1])
    writer.add_add_bos_token(False)
    writer.add_chat_template((directory / "chat_template.jinja").read_text())


if __name__ == "__main__":
    write_gguf(Path(sys.argv[1]), Path(sys.argv[2]))
