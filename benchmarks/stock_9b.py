"""The same decoder shape as others run it: transformers' `generate` over bitsandbytes' Linear8bitLt."""

import time

import torch

from benchmarks.checkpoint_9b import NINE_B
from inference.torchaudio_shim import import_torchaudio


def measure_stock(batch: int, prompt_tokens: int, max_tokens: int) -> dict[str, object]:
    """Tokens per second alone and as a static batch, on the first device. Embedding and head in 16 bits."""
    import_torchaudio()  # before transformers does
    from bitsandbytes.nn import Int8Params, Linear8bitLt
    from transformers import Glm4Config, Glm4ForCausalLM

    fields = {
        key: value
        for key, value in NINE_B.text_config.items()
        if key not in ("model_type", "rope_parameters")
    }
    config = Glm4Config(**fields, head_dim=128, pad_token_id=0, eos_token_id=None)
    with torch.device("cuda:0"):
        torch.set_default_dtype(torch.bfloat16)
        model = Glm4ForCausalLM(config).eval()
        torch.set_default_dtype(torch.float32)
    for path, module in list(model.model.layers.named_modules()):
        if isinstance(module, torch.nn.Linear):
            has_bias = module.bias is not None
            linear = Linear8bitLt(
                module.in_features, module.out_features, has_bias, has_fp16_weights=False, threshold=6.0
            )
            linear.weight = Int8Params(module.weight.detach().cpu(), requires_grad=False)
            if has_bias:
                linear.bias = module.bias
            model.model.layers.set_submodule(path, linear.to("cuda:0"))
    torch.cuda.empty_cache()
    figures: dict[str, object] = {"stock_gib": round(torch.cuda.memory_allocated(0) / 2**30, 2)}
    for name, rows in (("alone", 1), (f"batch_of_{batch}", batch)):
        prompt = torch.randint(1000, NINE_B.vocabulary - 1000, (rows, prompt_tokens), device="cuda:0")
        for tokens in (4, max_tokens):  # the first one warms up
            torch.cuda.synchronize()
            started = time.monotonic()
            model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=tokens, do_sample=False
            )
            torch.cuda.synchronize()
            seconds = time.monotonic() - started
        figures[f"stock_{name}_tokens_per_second"] = round(rows * max_tokens / seconds, 1)
    return figures
