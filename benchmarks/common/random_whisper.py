"""A Whisper of a real model's shape with random weights: as fast as the real one, and nothing to download.

Speed depends on the shapes, and on what the decoder's rules do with the logits. So the model suppresses the tokens that
the real one does, and with timestamps its segments close as in speech. What random weights say is noise, and noise
never ends: no text ends by itself, a hypothesis is as long as its limit of tokens, and the caller sets that to what
speech needs. The vocabulary has the layout of large-v3 (51866 ids) with words of our own making.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers.models.whisper.configuration_whisper import NON_SPEECH_TOKENS_MULTI
from transformers.models.whisper.tokenization_whisper import LANGUAGES

TEXT_TOKENS = 50_257
SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]
TIMESTAMPS = [f"<|{i * 0.02:.2f}|>" for i in range(1501)]
POSITIONS, TEXT_POSITIONS = 1500, 448

FIRST_TIMESTAMP = TEXT_TOKENS + len(SPECIAL_TOKENS)

SUPPRESSED = [
    # The symbols and annotations, such as brackets and notes of music. The special tokens of that list have the ids of
    # Whisper before large-v3, so they are named here.
    *(token for token in NON_SPEECH_TOKENS_MULTI if token < TEXT_TOKENS),
    *(
        TEXT_TOKENS + SPECIAL_TOKENS.index(token)
        for token in (
            "<|startoftranscript|>",
            "<|translate|>",
            "<|transcribe|>",
            "<|startoflm|>",
            "<|startofprev|>",
            "<|nospeech|>",
        )
    ),
]
"""`suppress_tokens` of large-v3-turbo's generation config: 88 ids that no hypothesis may hold."""

SUPPRESSED_FIRST = [220, TEXT_TOKENS]
"""`begin_suppress_tokens` of the same: a blank, and the end of the text."""

NEVER = -1000.0
"""Bias of special tokens, also of the end of the text, and of timestamps between the likely ones."""

WEIGHTS = 0.02
"""Standard deviation of every weight."""

LIKELY_EVERY = 100
"""A segment ends at a multiple of 2 s: of the 1501 timestamps only these are ever chosen."""

SEGMENT_TOKENS = (8, 14)
"""Fewest and most text tokens of a segment; benchmarks/LOG.md has what was counted in real speech."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Whisper. `alignment_heads` (layer, head) are those that word times are read from."""

    name: str
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    mels: int
    alignment_heads: tuple[tuple[int, int], ...]


# Sizes and alignment heads as OpenAI published them with each model.
TURBO = Shape("large-v3-turbo", 1280, 20, 32, 4, 128, ((2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)))
LARGE_V3 = Shape(
    "large-v3",
    1280,
    20,
    32,
    32,
    128,
    ((7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6)),
)
TOY = Shape("toy", 64, 2, 2, 2, 128, ((1, 0), (1, 1)))
"""For tests: loads and decodes in milliseconds."""


def write(shape: Shape, folder: Path, seed: int = 0, threads: int = 8) -> Path:
    """A folder with `shape` in float16, in CTranslate2's format; the same seed gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    _fill(spec, shape, seed, threads)
    vocabulary = _words() + SPECIAL_TOKENS + TIMESTAMPS
    spec.register_vocabulary(vocabulary)
    first_language = vocabulary.index("<|en|>")
    spec.config.lang_ids = list(range(first_language, first_language + len(LANGUAGES)))
    spec.config.alignment_heads = [list(head) for head in shape.alignment_heads]
    spec.config.suppress_ids = SUPPRESSED
    spec.config.suppress_ids_begin = SUPPRESSED_FIRST
    spec.validate()
    spec.decoder.projection.weight = "decoder/embeddings/weight"  # Whisper ties them
    spec.save(str(folder))
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": shape.mels}))
    return folder


def parameters(shape: Shape) -> int:
    """Weights of the shape, to the nearest matrix."""
    layer = 12 * shape.width**2
    vocabulary = TEXT_TOKENS + len(SPECIAL_TOKENS) + len(TIMESTAMPS)
    return shape.encoder_layers * layer + shape.decoder_layers * (layer + 4 * shape.width**2) + vocabulary * shape.width


def _fill(spec: WhisperSpec, shape: Shape, seed: int, threads: int) -> None:
    """Sets every weight. Each tensor has a seed of its own, so the threads cannot change a value."""
    todo: list[tuple[Any, str, Callable[[], Any]]] = []

    # 256 normal values, drawn from by index: three times quicker than as many normal values as there are weights.
    levels = np.random.default_rng(seed).standard_normal(256)

    def normal(owner: Any, name: str, *size: int, mean: float = 0.0, scale: float = WEIGHTS) -> None:
        key, table = [seed, len(todo)], (mean + scale * levels).astype(np.float16)

        def values() -> Any:
            return table[np.random.default_rng(key).integers(0, 256, size, dtype=np.uint8)]

        todo.append((owner, name, values))

    def linear(layer: Any, outputs: int, inputs: int) -> None:
        normal(layer, "weight", outputs, inputs)
        normal(layer, "bias", outputs)

    def norm(layer: Any) -> None:
        normal(layer, "gamma", width, mean=1.0)
        normal(layer, "beta", width)

    def attention(layer: Any, rows: tuple[int, ...]) -> None:
        norm(layer.layer_norm)
        for part, outputs in zip(layer.linear, rows, strict=True):
            linear(part, outputs, width)

    def feed_forward(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, 4 * width, width)
        linear(layer.linear_1, width, 4 * width)

    width = shape.width
    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, shape.mels), (encoder.conv2, width)):
        normal(convolution, "weight", width, inputs, 3)
        normal(convolution, "bias", width)
    normal(encoder.position_encodings, "encodings", POSITIONS, width)
    normal(decoder.position_encodings, "encodings", TEXT_POSITIONS, width)
    normal(decoder.embeddings, "weight", TEXT_TOKENS + len(SPECIAL_TOKENS) + len(TIMESTAMPS), width)
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)
    for layer in encoder.layer:
        attention(layer.self_attention, (3 * width, width))
        feed_forward(layer.ffn)
    for layer in decoder.layer:
        attention(layer.self_attention, (3 * width, width))
        attention(layer.attention, (width, 2 * width, width))
        feed_forward(layer.ffn)
    with ThreadPoolExecutor(threads) as pool:
        for (owner, name, _), values in zip(todo, pool.map(lambda task: task[2](), todo), strict=True):
            setattr(owner, name, values)
    timestamps = _close_segments(decoder, shape, seed)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.projection.bias = np.array(
        [0.0] * TEXT_TOKENS + [NEVER] * len(SPECIAL_TOKENS) + timestamps, dtype=np.float16
    )


def _close_segments(decoder: Any, shape: Shape, seed: int) -> list[float]:
    """Makes timestamps win at some positions of the text and at no others; returns their biases.

    CTranslate2 takes a timestamp where all that are allowed are together likelier than the likeliest word. Timestamps
    share one embedding, the position encodings add a multiple of it at the positions that close a segment, and subtract
    it at the others. So all rows of a batch close at the same steps, which in life are spread. The sizes follow from
    the deviation of the weights, since each layer of random weights adds as much as `gain` says.
    """
    rng = np.random.default_rng([seed, FIRST_TIMESTAMP])
    direction = rng.standard_normal(shape.width)
    direction /= np.linalg.norm(direction)
    root = shape.width**0.5  # the length of what the last layer sees, whose values have deviation 1
    gain = WEIGHTS * root
    likeliest_word = 4.2 * gain  # the largest of 50,000 normal values, in their deviations
    margin = 12.0 * likeliest_word
    embeddings, positions = decoder.embeddings.weight, decoder.position_encodings.encodings
    embeddings[FIRST_TIMESTAMP:] = (margin / root * direction).astype(np.float16)
    closes = np.zeros(TEXT_POSITIONS, dtype=bool)
    at = 0
    while (at := at + 2 + int(rng.integers(*SEGMENT_TOKENS, endpoint=True))) < TEXT_POSITIONS:
        closes[at] = True
    push = 2.0 * root * gain**2 * (3 * shape.decoder_layers) ** 0.5  # above what three parts of each layer add
    positions += (push * np.where(closes, 1.0, -1.0)[:, None] * direction).astype(np.float16)
    # Later ones are less likely, so that the beams agree on the next one after the last, and at 14 s still win.
    return [
        -margin / 2 - margin / 36 * (i // LIKELY_EVERY) if i % LIKELY_EVERY == 0 else NEVER
        for i in range(len(TIMESTAMPS))
    ]


def _words() -> list[str]:
    """The byte alphabet, then made-up tokens, three of four of which begin a word.

    The last one is empty, as in Whisper's own: by it CTranslate2 4.8 knows a multilingual vocabulary.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made_up = [f"{'' if i % 4 == 0 else 'Ġ'}w{i}" for i in range(TEXT_TOKENS - len(alphabet) - 1)]
    return [*alphabet, *made_up, ""]


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(_words())}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    return tokenizer
