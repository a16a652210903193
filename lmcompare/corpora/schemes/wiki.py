"""``wiki-sample``: a hundred English Wikipedia articles from gensim's installed test data."""

from __future__ import annotations

import bz2

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import Piece
from lmcompare.corpora.options import CorpusOptions
from lmcompare.corpora.schemes.gensim_data import located, missing
from lmcompare.corpora.schemes.wiki_markup import article_text

WIKI_FILE = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"

SOURCE = "the shortened English Wikipedia dump in gensim's test data (CC BY-SA)"
CLEANING = (
    "Redirects and empty pages were dropped and the wiki markup was removed; a paragraph, heading, list item or "
    "table row is a line; headings without text below them, references and boxes are left out."
)


def read_wiki(name: str, options: CorpusOptions) -> Found:
    """Return the articles in the order of the dump, named by their titles, without redirects and empty pages.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    path = located(WIKI_FILE, "wiki-sample")
    from gensim.corpora.wikicorpus import extract_pages  # half a second: only when it is needed

    articles = []
    with bz2.open(path) as dump:
        for title, markup, _ in extract_pages(dump, ["0"]):
            if markup.lstrip()[:9].casefold() == "#redirect":
                continue
            if text := article_text(markup):
                articles.append(Piece(title, text + "\n"))
    return Found(
        tuple(articles),
        sentences="punkt",
        notes=(CLEANING,),
        source=SOURCE,
    )


WIKI_SAMPLE = CorpusScheme(
    "106 articles of the English Wikipedia of 2016, about 480,000 words of clean running text",
    read_wiki,
    missing=lambda: missing(WIKI_FILE),
)
