"""A person's text is encoded as text, even if it looks like tokens."""

from pathlib import Path

import pytest

from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import open_checkpoint
from inference.loading.tokenizer import TextTokenizer, load_tokenizer

from ..tiny_checkpoints import CONTROL_TOKENS, TAGS, write_glm4


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoint")
    write_glm4(directory)
    return directory


@pytest.fixture
def tokenizer(directory: Path) -> TextTokenizer:
    return load_tokenizer(open_checkpoint(str(directory)))


def test_a_template_may_write_control_tokens(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode_template("".join(CONTROL_TOKENS)) == tokenizer.all_special_ids


@pytest.mark.parametrize("is_reply", [False, True])
def test_a_person_cannot_write_control_tokens(tokenizer: TextTokenizer, is_reply: bool) -> None:
    text = "".join(CONTROL_TOKENS)
    token_ids = tokenizer.encode_text(text, is_reply)
    assert not set(token_ids) & set(tokenizer.all_special_ids)
    assert tokenizer.decode(token_ids) == text


def test_only_the_models_earlier_reply_has_tags(tokenizer: TextTokenizer) -> None:
    tag_ids = [tokenizer.token_id(tag) for tag in TAGS]
    assert tokenizer.encode_text("".join(TAGS), is_reply=True) == tag_ids
    assert not set(tokenizer.encode_text("".join(TAGS))) & set(tag_ids)


def test_tags_are_part_of_the_text_and_control_tokens_are_not(tokenizer: TextTokenizer) -> None:
    token_ids = tokenizer.encode_template("<think>a</think><|user|>")
    assert tokenizer.decode(token_ids) == "<think>a</think>"


def test_an_unknown_id_is_no_token(tokenizer: TextTokenizer) -> None:
    assert tokenizer.convert_ids_to_tokens(10**6) is None


@pytest.mark.parametrize("content", ['{"model": {"type": "nonsense"}}', '{"added_tokens": 3}'])
def test_a_broken_tokenizer_is_one_sentence(tmp_path: Path, content: str) -> None:
    write_glm4(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InvalidCheckpoint, match=r"tokenizer\.json .* is not a valid tokenizer"):
        load_tokenizer(open_checkpoint(str(tmp_path)))
