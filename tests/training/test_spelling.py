"""Tests of the part of word vectors that words which are written alike share in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.lab.quantisation import Rounded
from lmcompare.model import Progress, Setting
from lmcompare.models.pointer.network import Pointer
from lmcompare.models.rnn.network import Rnn, RnnNetwork
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.training.lanes import Taught, Texts
from lmcompare.training.loop import Training
from lmcompare.training.network import Memory
from lmcompare.training.recipe import Recipe
from lmcompare.training.softmax import Candidates, ClassHead, Head
from lmcompare.training.spelling import letter_grams, shared_grams, spelled, table_made

pytestmark = pytest.mark.slow

STEMS = [a + b + c for a in "bdfgk" for b in "aeiou" for c in "lmnr"]
INGS, EDS = [stem + "ing" for stem in STEMS], [stem + "ed" for stem in STEMS]
NEW = ["zuting", "zuted"]  # words of the vocabulary that the training text does not have
WORDS = Vocabulary(["<unk>", "</s>", "is", "has", *NEW, *INGS, *EDS], np.ones(6 + 2 * len(STEMS), np.int64))
SMALL: dict[str, Any] = {"steps": 40, "batch": 8, "length": 16, "candidates": 0, "precision": "float32"}


def suffixes(seed: int, sentences: int) -> Encoded:
    """Two words each: "is" before a word in -ing, "has" before one in -ed."""
    random = np.random.default_rng(seed)
    pairs = [("is", INGS), ("has", EDS)]
    ids: list[int] = []
    for first, after in (pairs[k] for k in random.integers(2, size=sentences)):
        ids += [*WORDS.ids([first, str(random.choice(after))]), WORDS.end]
    return Encoded.from_documents([ids], WORDS)


def test_the_letter_grams_of_a_word() -> None:
    assert letter_grams("Cat") == {"<ca", "cat", "at>", "<cat", "cat>", "<cat>", " Aa"}
    assert letter_grams("a") == {"<a>", " a"}
    assert " Aa-0a" in letter_grams("Mid-1990s")
    assert letter_grams("</s>") == letter_grams("<unk>") == set()


def test_the_grams_that_enough_words_share() -> None:
    words = ["<unk>", "aing", "bing", "cing", "ding", "eing", "king", "of"]
    starts, columns, count = shared_grams(words)
    # all seven words have the shape " a", six have "ing", "ng>" and "ing>", and no other n-gram is in more than one
    assert count == 4
    assert starts.tolist() == [0, 0, 4, 8, 12, 16, 20, 24, 25]
    assert columns.tolist() == [0, 1, 2, 3] * 6 + [0]
    assert shared_grams(words[:5])[2] == 0, "four words are not enough"


def means() -> torch.Tensor:
    """(V + 1, G): what part each n-gram has of the vector of each word, found word by word."""
    _, _, count = shared_grams(WORDS.tokens)
    names = sorted({g for w in WORDS.tokens for g in letter_grams(w)})
    kept = [g for g in names if sum(g in letter_grams(w) for w in WORDS.tokens) >= 5]
    assert len(kept) == count
    table = torch.zeros(len(WORDS) + 1, count)
    for row, word in enumerate(WORDS.tokens):
        own = [kept.index(g) for g in letter_grams(word) if g in kept]
        table[row, own] = 1 / max(1, len(own))
    return table


@pytest.mark.parametrize("sampled", [False, True])
def test_vectors_and_gradients_are_those_of_dense_matrices(sampled: bool) -> None:
    torch.manual_seed(0)
    head = Head(len(WORDS), 4)
    own = head.table.detach().clone().requires_grad_()
    with spelled(head, WORDS.tokens):
        parts: Any = head.parametrizations
        assert torch.equal(head.table, own), "spelling has no part at first"
        with torch.no_grad():
            parts.table[0].grams.normal_()
        dense = parts.table[0].grams.detach().clone().requires_grad_()
        whole = own + means() @ dense
        torch.testing.assert_close(head.table, whole)
        ids, features, targets = torch.tensor([[4, 9], [len(WORDS), 5]]), torch.randn(3, 4), torch.tensor([4, 7, 30])
        words = torch.tensor([4, 7, 30, 50, 51]) if sampled else torch.arange(len(WORDS))
        sample = (words, torch.zeros(len(words)))
        with table_made(head, torch.unique(torch.cat([ids.flatten(), words])) if sampled else None):
            loss = head.sampled_loss(features, targets, *sample) if sampled else head.full_loss(features, targets)
            torch.autograd.backward(loss + head.embed(ids).square().sum())  # the gradient of the latter is sparse
        logits = features @ whole[words].T + head.bias.detach()[words]
        wanted = torch.searchsorted(words, targets)
        expected = whole[ids].square().sum() + torch.nn.functional.cross_entropy(logits, wanted)
        torch.autograd.backward(expected)
        torch.testing.assert_close(parts.table[0].grams.grad, dense.grad)
        torch.testing.assert_close(parts.table.original.grad, own.grad)
        torch.testing.assert_close(head.table, whole)  # all rows again
    assert type(head) is Head
    assert set(dict(head.named_parameters())) == {"table", "bias"}
    torch.testing.assert_close(head.table.detach(), whole.detach())


def test_a_table_that_is_frozen_or_parametrised_keeps_what_it_is() -> None:
    frozen, rounded = Head(len(WORDS), 4), Head(len(WORDS), 4)
    frozen.table.requires_grad_(False)
    parametrize.register_parametrization(rounded, "table", Rounded(2))
    for head in (frozen, rounded):
        names = set(head.state_dict())
        with spelled(head, WORDS.tokens):
            assert set(head.state_dict()) == names
        assert set(head.state_dict()) == names


def test_a_spelled_network_is_stored_as_any_other() -> None:
    plain, with_part = (
        Rnn(**SMALL, width=8, hidden=8, spelling=spelling).fit(suffixes(1, 200), suffixes(2, 50), Setting(WORDS))
        for spelling in (False, True)
    )
    assert {k: v.shape for k, v in plain.state().arrays.items()} == {
        k: v.shape for k, v in with_part.state().arrays.items()
    }
    again = Rnn(**with_part.hyperparameters()).restore(with_part.state())
    np.testing.assert_array_equal(again.log_probs(suffixes(2, 50)), with_part.log_probs(suffixes(2, 50)))
    assert not np.allclose(plain.word_vectors(), with_part.word_vectors())


def test_a_pointer_takes_the_spelling_of_its_base() -> None:
    options = {**SMALL, "width": 8, "hidden": 8, "steps": 5, "spelling": True}
    model = Pointer(base="rnn", options=options, window=8)
    model.fit(suffixes(1, 200), suffixes(2, 50), Setting(WORDS))
    plain = Pointer(base="rnn", options={**options, "spelling": False}, window=8)
    plain.fit(suffixes(1, 200), suffixes(2, 50), Setting(WORDS))
    assert not np.allclose(plain.word_vectors(), model.word_vectors())


def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    def run(**setting: Any) -> dict[str, np.ndarray]:
        model = Rnn(**SMALL, width=8, hidden=8, dropout=0.3, spelling=True)
        return dict(model.fit(suffixes(1, 300), suffixes(2, 50), Setting(WORDS, **setting)).state().arrays)

    class Killed(BaseException):
        """As if the power went."""

    def kill(progress: Progress) -> None:
        if progress.step == 27:
            raise Killed

    whole = run()
    with pytest.raises(Killed):
        run(checkpoints=tmp_path, progress=kill)
    resumed = run(checkpoints=tmp_path)
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value)


def test_where_words_share_no_letters_spelling_has_no_part() -> None:
    tokens = [*"abcdefABCDEF0123"]
    assert shared_grams(tokens)[2] == shared_grams([f"<0x{byte:02X}>" for byte in range(200, 256)])[2] == 0
    letters = Vocabulary(["<unk>", "</s>", *tokens], np.ones(2 + len(tokens), np.int64))
    text = Encoded.from_documents([np.arange(len(letters))], letters)
    with_part, plain = (
        Rnn(**SMALL, width=8, hidden=8, spelling=spelling).fit(text, text, Setting(letters))
        for spelling in (True, False)
    )
    np.testing.assert_array_equal(with_part.word_vectors(), plain.word_vectors())


NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("rnn", {"hidden": 8}),
    "rnn-attention": ("rnn-attention", {"hidden": 8, "attention": 4}),
    "rnn-encoder-decoder": ("rnn-encoder-decoder", {"hidden": 8, "attention": 4}),
    "transformer": ("transformer", {"heads": 2, "convolution": 2}),
    "llama": ("transformer", {"heads": 2, "style": "llama"}),
    "cnn": ("cnn", {}),
    "state-space": ("state-space", {"heads": 2, "state_size": 4}),
    "linear-attention": ("linear-attention", {"heads": 2}),
    "feed-forward": ("feed-forward", {}),
    "bengio": ("feed-forward", {"style": "bengio"}),
    "log-bilinear": ("feed-forward", {"style": "log-bilinear"}),
    "word2vec-bow": ("word2vec-bow", {"hidden": 8}),
    "wordnet-bow": ("wordnet-bow", {"hidden": 8, "features": 8}),
    "pointer": ("pointer", {"base": "feed-forward", "options": {"width": 8}, "window": 9}),
}


@pytest.mark.parametrize(("name", "taught"), [*((n, False) for n in NETWORKS), ("rnn", True), ("transformer", True)])
def test_a_step_makes_the_vectors_of_all_words_that_it_reads(name: str, taught: bool) -> None:
    """A network reads words of its memory, too; a word whose vector was not made is not a number."""
    plugin, options = NETWORKS[name]
    torch.manual_seed(0)
    model: Any = plugins.build(plugin, {**({} if plugin in ("pointer", "wordnet-bow") else {"width": 8}), **options})
    network = model.network(len(WORDS)).eval()
    if isinstance(network.head, ClassHead):
        network.head.classify(np.arange(len(WORDS)) % len(network.head.class_bias), np.ones(len(WORDS), np.int64))
    recipe, setting = Recipe(candidates=20, spelling=True), Setting(WORDS)
    training = Training(network, Texts(suffixes(1, 50), suffixes(2, 50)), recipe, setting)
    inputs, later, targets = torch.randint(2, len(WORDS), (3, 2, 8))
    inputs[:, 0] = len(WORDS)  # the beginning of a document
    sample = Candidates(np.ones(len(WORDS), np.int64), 20).draw(0, 1, targets.numpy())
    expected = Taught(torch.randint(2, len(WORDS), (2, 8, 4)), torch.full((2, 8, 4), 0.2), 0.5) if taught else None
    with spelled(network.head, WORDS.tokens), torch.no_grad():
        network.head.parametrizations["table"][0].grams.normal_()
        memory = None
        for piece in (inputs, later):
            words = training._words(piece, memory, sample, expected)
            assert (words is None) == isinstance(network.head, ClassHead)
            losses = []
            for made in (None, words):
                with table_made(network.head, made):
                    losses.append(float(training.objective(piece, targets, memory, sample, expected)[0]))
            assert losses[1] == pytest.approx(losses[0], rel=1e-6)
            _, memory = network(piece, memory)


def test_a_network_that_reads_other_words_does_not_train() -> None:
    class Peeking(RnnNetwork):
        """Reads all word vectors."""

        def forward(self, inputs: torch.Tensor, memory: Memory | None) -> tuple[torch.Tensor, Memory]:
            features, left = super().forward(inputs, memory)
            return features + self.head.table.mean(0), left

    class Honest(Peeking):
        """And says so."""

        def words_read(self, inputs: torch.Tensor, memory: Memory | None) -> None:  # type: ignore[override]
            return None

    class Peeker(Rnn):
        kind: type[RnnNetwork] = Peeking

        def network(self, types: int) -> RnnNetwork:
            return self.kind(types, self)

    class HonestPeeker(Peeker):
        kind = Honest

    changes = {**SMALL, "candidates": 5, "width": 8, "hidden": 8, "spelling": True}
    texts = suffixes(1, 200), suffixes(2, 50), Setting(WORDS)
    with pytest.raises(LmcompareError, match="does not converge"):
        Peeker(**changes).fit(*texts)
    assert np.isfinite(HonestPeeker(**changes).fit(*texts).log_probs(texts[1])).all()
