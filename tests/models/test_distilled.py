"""Tests of distillation: what the student learns from, against arithmetic, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lmcompare import plugins
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Bars
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.distilled import Distilled
from lmcompare.models.ensemble import Ensemble, share_of
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.training.lanes import KEPT, Lanes, Taught, Teacher
from lmcompare.training.network import Objective
from lmcompare.training.softmax import IGNORED, ClassHead, Head
from tests.models.mixture.cases import animals, encoded

pytestmark = pytest.mark.slow

SMALL = {"width": 8, "heads": 1, "layers": 1, "steps": 6, "batch": 4, "length": 8, "precision": "float32"}
VOCABULARY = Vocabulary.build(animals(30, 0, strange=0.3))
TRAIN, VALID, TEST = (encoded(animals(size, seed), VOCABULARY) for size, seed in ((30, 0), (10, 1), (4, 2)))


@pytest.fixture(scope="module")
def model() -> Distilled:
    return Distilled(options=SMALL, members=2).fit(TRAIN, VALID, Setting(VOCABULARY))


def test_the_loss_is_the_cross_entropy_with_the_teachers_distribution() -> None:
    torch.manual_seed(0)
    head, n, types = Head(12, 5), 7, 12
    head.bias.data.normal_()
    features, targets = torch.randn(n, 5), torch.randint(types, (n,))
    words = torch.stack([torch.randperm(types)[:4] for _ in range(n)])
    shares = torch.rand(n, 4) / 4
    wanted = torch.zeros(n, types).scatter_add(1, words, shares)
    wanted.scatter_add_(1, targets[:, None], 1 - shares.sum(1, keepdim=True))
    expected = -(wanted * head.log_probs(features)).sum(1).mean()
    whole = head.full_loss(features, targets) + head.beyond_target(features, targets, words, shares)
    assert float(whole.detach()) == pytest.approx(float(expected.detach()), abs=1e-5)


def test_the_word_that_came_and_the_teacher_have_their_parts_of_the_loss() -> None:
    torch.manual_seed(0)
    network, share = Transformer(width=8, heads=1, layers=1, dropout=0.0).network(12), 0.3
    torch.nn.init.normal_(network.head.bias)
    inputs, targets = torch.randint(12, (2, 2, 5))
    targets[1, 3:] = IGNORED
    words = torch.stack([torch.randperm(12)[:4] for _ in range(10)]).view(2, 5, 4)
    shares = torch.rand(2, 5, 4) / 4
    loss, surprisal, _ = Objective(network)(inputs, targets, None, None, Taught(words, shares, share))
    came, taught = [], []
    with torch.no_grad():
        nats = (network(inputs, None)[0] @ network.head.table[:12].T + network.head.bias).log_softmax(-1)
        for b, t in ((0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2)):
            own = float(nats[b, t, targets[b, t]])
            came.append(-own)
            taught.append(-float(shares[b, t] @ nats[b, t, words[b, t]]) - (1 - float(shares[b, t].sum())) * own)
    assert float(surprisal) == pytest.approx(np.mean(came), abs=1e-5)
    assert float(loss.detach()) == pytest.approx((1 - share) * np.mean(came) + share * np.mean(taught), abs=1e-5)


def test_each_token_of_a_batch_has_what_the_teacher_expects_there() -> None:
    texts = encoded(animals(40, 3), VOCABULARY), TEST.select([0])
    for text in texts:
        shares = (np.arange(len(text)) % 100 / 128).astype(np.float16)  # which float16 holds exactly
        teacher = Teacher(text.ids[:, None].astype(np.int32), shares[:, None], 0.5)
        for batch, _ in zip(Lanes(text, 3, 16, 0), range(20), strict=False):
            taught = teacher.at(batch.firsts, batch.targets.shape[1], "cpu")
            some = batch.targets != IGNORED
            places = (batch.firsts[:, None] + np.arange(batch.targets.shape[1]))[some]
            assert (text.ids[places] == batch.targets[some]).all()
            assert (taught.words.numpy()[:, :, 0][some] == batch.targets[some]).all()
            assert (taught.shares.numpy()[:, :, 0][some] == shares[places]).all()
            assert taught.weight == 0.5


def test_a_teacher_keeps_its_most_likely_words() -> None:
    class Fixed:
        def stream(self, text):  # type: ignore[no-untyped-def]
            rows = np.tile(np.log(np.arange(1, len(text.vocabulary) + 1)), (len(text), 1))
            yield np.arange(len(text)), rows - np.log(np.exp(rows[0]).sum())

    kept = min(KEPT, len(VOCABULARY))
    teacher = Teacher.of(Fixed(), TEST, 0.5)  # type: ignore[arg-type]
    most = np.arange(len(VOCABULARY) - kept, len(VOCABULARY))
    assert (np.sort(teacher.words, axis=1) == most).all()
    whole = np.arange(1, len(VOCABULARY) + 1).sum()
    assert teacher.shares == pytest.approx((teacher.words + 1) / whole, rel=1e-3)


def test_without_weight_it_is_the_network_alone_and_with_weight_it_is_not() -> None:
    alone = plugins.build("transformer", SMALL).fit(TRAIN, VALID, Setting(VOCABULARY)).log_probs(TEST)
    for weight, same in ((0.0, True), (1.0, False)):
        taught = Distilled(options=SMALL, members=2, weight=weight).fit(TRAIN, VALID, Setting(VOCABULARY))
        assert np.allclose(taught.log_probs(TEST), alone, atol=1e-5) is same


def test_only_the_student_is_kept(model: Distilled) -> None:
    again = Distilled(**model.hyperparameters()).restore(model.state())
    assert again.hyperparameters() == model.hyperparameters()
    one = plugins.build("transformer", SMALL).fit(TRAIN, VALID, Setting(VOCABULARY))
    assert model.size() == one.size()
    bars = next(each for each in again.exhibits(TEST.split_sentences()) if isinstance(each, Bars))
    assert bars.values[1] == pytest.approx(-model.log_probs(VALID).mean() / np.log(2))


def test_the_budget_is_that_of_teacher_and_student_together(tmp_path: Path) -> None:
    reports: list[Progress] = []
    setting = Setting(VOCABULARY, budget=Budget(steps=12), progress=reports.append, checkpoints=tmp_path)
    model = Distilled(options=SMALL, members=2)
    model.fit(TRAIN, VALID, setting)
    last = reports[-1]
    assert last.step == 4
    reports.clear()
    plugins.build("transformer", SMALL).fit(
        TRAIN, VALID, Setting(VOCABULARY, budget=Budget(steps=4), progress=reports.append)
    )
    assert last.tokens is not None
    assert last.tokens > 2.5 * (reports[-1].tokens or 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student", "teacher"]
    again = Distilled(options=SMALL, members=2).fit(TRAIN, VALID, setting)
    assert (again.log_probs(TEST) == model.log_probs(TEST)).all()


def test_a_softmax_over_classes_cannot_be_taught(monkeypatch: pytest.MonkeyPatch) -> None:
    head = ClassHead(6, 4, 2)
    with pytest.raises(LmcompareError, match="a softmax over classes can't learn from a teacher"):
        head.beyond_target(*[torch.zeros(1)] * 4)
    model = Distilled(options=SMALL)
    model.check_text(TRAIN)
    assert not ClassHead.can_be_taught
    monkeypatch.setattr(Head, "can_be_taught", False)
    with pytest.raises(PluginError, match="'transformer' can't learn from a teacher"):
        model.check_text(TRAIN)  # before anything is trained


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_no_member_has_the_seed_of_the_student(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    fit = Transformer.fit

    def noted(self: Transformer, train: Encoded, valid: Encoded, setting: Setting) -> Transformer:
        seeds.append(setting.seed)
        return fit(self, train, valid, setting)

    monkeypatch.setattr(Transformer, "fit", noted)
    Distilled(options={**SMALL, "steps": 1}, members=2).fit(TRAIN, VALID, Setting(VOCABULARY, seed=seed))
    assert seeds == [2 * (seed + 1), 2 * (seed + 1) + 1, seed]


def test_tokens_read_before_the_steps_are_those_of_all_networks() -> None:
    once = plugins.build("word2vec-bow", {"epochs": 3}).tokens_before(TRAIN)
    assert once == 3 * len(TRAIN)
    options = {"epochs": 3}
    assert plugins.build("retrieval", {"base": "word2vec-bow", "options": options}).tokens_before(TRAIN) == once
    assert Ensemble("word2vec-bow", options, members=2).tokens_before(TRAIN) == 2 * once
    assert Distilled("word2vec-bow", options, members=2).tokens_before(TRAIN) == 3 * once


def test_the_budget_is_never_exceeded_and_too_small_a_one_refused() -> None:
    shares = [share_of(Budget(steps=10), 1, 3, number).steps for number in range(3)]
    assert shares == [4, 3, 3]
    both = [share_of(Budget(steps=10), parts, 4, 3).steps or 0 for parts in (3, 1)]
    assert sum(both) <= 10
    with pytest.raises(LmcompareError, match="3 trainings can't share a budget of 2 steps"):
        share_of(Budget(steps=2), 1, 3)


def test_it_is_exported_as_the_student(model: Distilled, tmp_path: Path) -> None:
    model.file_formats()[".safetensors"](VOCABULARY, tmp_path / "student.safetensors")
    written = load_file(tmp_path / "student.safetensors")
    assert sum(array.size for array in written.values()) == model.size().parameters
