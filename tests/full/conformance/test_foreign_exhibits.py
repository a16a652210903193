"""A model of somebody else's, run and reported as it is: whatever known kinds it shows get a section of their own."""

from __future__ import annotations

import pytest

from lmcompare.exhibits import KINDS
from lmcompare.harness import experiment as files
from lmcompare.harness.progress import Display
from lmcompare.harness.run import run
from lmcompare.report.write import write_reports
from tests.harness.small import write_text
from tests.report.tree import Node, parse

PLUGIN = '''
"""A bigram model that shows something of every kind."""

import numpy as np

from lmcompare import LanguageModel, State
from lmcompare import exhibits as kinds
from lmcompare.lab.diffusion.pictures import PromptedPictures
from lmcompare.lab.diffusion.pictures import Denoised, DenoisingFilm


class Herring(LanguageModel):
    """Counts pairs of words, and is somebody else's."""

    def fit(self, train, valid, setting):
        size = len(train.vocabulary)
        counts = np.full((size, size), 0.1)
        np.add.at(counts, (self._before(train, np.arange(len(train))), train.ids), 1)
        self.table = np.log(counts / counts.sum(1, keepdims=True))
        return self

    def next_log_probs(self, text, at):
        return self.table[self._before(text, at)]

    def state(self):
        return State({"table": self.table})

    def restore(self, state):
        self.table = state.arrays["table"]
        return self

    def word_vectors(self):
        return self.table

    def context_vectors(self, text, at):
        return self.table[text.ids[at]] + self.table[self._before(text, at)]

    def exhibits(self, text):
        word = text.vocabulary[int(text.ids[0])]
        rows = ((0.5, 1.0),)
        head = kinds.AttentionHead("head 1", rows, rows, rows)
        yield kinds.Attention(title="Its attention", words=(word,), heads=(head,), seen=((0, 1),))
        shares = (((0.2, 0.8),),)
        yield kinds.Heatmap(title="Its heat", rows=(word,), columns=("a", "b"), panels=("p",), values=shares)
        yield kinds.Neighbours(title="Its friends", words=(word,), neighbours=(("b",),), similarities=((0.5,),))
        step = kinds.BackoffStep(token=word, matched=1, contexts=("",), counts=(3,), probabilities=(0.1,))
        yield kinds.BackoffTrace(title="Its way down", steps=(step,))
        yield kinds.Map2D(title="Its map", labels=(word, "b"), x=(0.0, 1.0), y=(1.0, 0.0))
        yield kinds.Curve(title="Its curve", names=("line",), x=((0.0, 1.0),), y=((1.0, 2.0),))
        yield kinds.Bars(title="Its bars", labels=(word,), values=(1.0,))
        yield kinds.WorkedEquation(title="Its formula", equation="p", saying="It counts.", lines=(("p", 0.5),))
        yield kinds.TrainingFilm(
            title="Its film",
            moments=("end",), tokens=(word,), weights=(((1.0,),),), words=(word,), x=((0.0,),), y=((0.0,),),
            next=(word,), probabilities=((0.5,),), follows=word,
        )
        place = kinds.Passage(before="", context=word, next=word, after="")
        guess = kinds.SourcedGuess(token=word, guess=word, probability=0.5, followed=1, occurs=2, passages=(place,))
        yield kinds.Sources(title="Its sources", guesses=(guess,))
        one = ((("0",),),)
        yield PromptedPictures(
            title="Its pictures", side=1, prompts=(word,), strengths=("1",), pictures=one, nearest=one,
            labels=one, fitting=(((True,),),), shares=((1.0,),),
        )
        made = Denoised(
            words=(word,), pictures=("0",), guesses=("g",), attention=(((100,),),), label=word, fits=True, share=1.0
        )
        yield DenoisingFilm(title="Its denoising", side=1, moments=("end",), films=(made,))

    @staticmethod
    def _before(text, at):
        """(n,) the token before each position; </s> at the beginning of a document."""
        first = text.context_starts(at) == at
        return np.where(first, text.vocabulary.end, text.ids[np.maximum(at - 1, 0)])
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, cells_here: None) -> Node:
    place = tmp_path_factory.mktemp("foreign")
    write_text(place)
    (place / "their_model.py").write_text(PLUGIN)
    table = {
        "name": "foreign",
        "device": "cpu",
        "corpus": {"source": "text.txt", "documents": "line"},
        "models": [{"plugin": "unigram"}, {"plugin": "their_model.py:Herring", "name": "herring"}],
        "examples": {"prompts": ["the cat", "my cat"], "length": 4, "words": ["cat"]},
    }
    assert not run(files.parse(table, "test"), place / "run", base=place, show=Display()).failures
    page, _ = write_reports(place / "run")
    return parse(page.read_text())


def test_it_has_its_section_with_every_kind(tree: Node) -> None:
    article = tree.one("article", id_="inside-herring")
    assert "Counts pairs of words, and is somebody else's." in article.text
    titles = ["attention", "heat", "friends", "way down", "map", "curve", "bars", "formula", "film", "sources"]
    titles += ["pictures", "denoising"]
    assert [h.text for h in article.all("h4")] == [f"Its {title}" for title in titles]
    drawn = {c for figure in article.all("figure") for c in figure.attributes["class"].split() if "kind-" in c}
    assert drawn == {f"kind-{kind}" for kind in KINDS.installed()}
    assert "could not be drawn" not in article.text
    assert "It counts." in article.text


def test_it_is_ranked_and_its_words_move(tree: Node) -> None:
    ranks = {row[1].split()[0]: row[0] for row in tree.one("section", id_="leaderboard").one("table").rows()}
    assert ranks == {"Herring": "1", "Unigram": "2"}
    assert "Herring" in tree.one("section", id_="meaning").text
