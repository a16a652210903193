"""The rogues' gallery: who is wrong, and who must notice."""

from __future__ import annotations

from lmcompare.model import LanguageModel
from tests.checks import rogues, sloppy

# Each with the check that must catch it, and the truth check that does in a run; "" where a run does not look.
GALLERY: list[tuple[type[LanguageModel], str, str]] = [
    (rogues.PeeksAhead, "future-leaves-past-alone", "the future leaves the past alone"),
    (rogues.EncoderDecoder, "future-leaves-past-alone", "the future leaves the past alone"),
    (rogues.EncoderDecoder, "no-better-than-possible", "the future leaves the past alone"),
    (rogues.WrongAxis, "sums-to-one", "sums to one"),
    (rogues.PadsToLongest, "independent-of-neighbours", "scoring again gives the same"),
    (rogues.MixesPositions, "positions-do-not-mix", "the scores agree with next_log_probs"),
    (rogues.ForgetsSeed, "same-seed-same-bits", ""),
    (rogues.GlobalRandomness, "same-seed-same-bits", ""),
    (rogues.OrderOfASet, "same-in-a-fresh-process", ""),
    (rogues.RenormalisesPerDocument, "future-leaves-past-alone", "the future leaves the past alone"),
    (rogues.Remembers, "same-when-scored-again", "scoring again gives the same"),
    (rogues.SentenceStart, "sums-to-one", "sums to one"),
    (rogues.Bits, "sums-to-one", "sums to one"),
    (rogues.ScoresKinder, "log-probs-agree", "the scores agree with next_log_probs"),
    (rogues.PeeksInScores, "future-leaves-past-alone", "the scores agree with next_log_probs"),
    (rogues.StreamPeeks, "stream-agrees", "stream agrees with log_probs"),
    (rogues.SkipsInStream, "stream-agrees", "stream agrees with log_probs"),
    (sloppy.StepperStandsStill, "stepper-agrees", ""),
    (sloppy.CarriesInSecret, "carries-state-as-declared", ""),
    (sloppy.CarriesNothing, "carries-state-as-declared", ""),
    (sloppy.NotCausal, "is-a-language-model", ""),
    (sloppy.ImpossibleWords, "finite-and-at-most-zero", ""),
    (sloppy.HalfPrecision, "finite-and-at-most-zero", ""),
    (sloppy.StumblesOverNothing, "empty-document", ""),
    (sloppy.FirstTokens, "one-token-document", ""),
    (sloppy.ShortMemory, "very-long-document", ""),
    (sloppy.StumblesOverTheUnseen, "unseen-tokens", ""),
    (sloppy.LearnsNothing, "comes-near-the-entropy", ""),
    (sloppy.LearnsNothingAtAll, "beats-the-unigram-floor", ""),
    (sloppy.FitReturnsNone, "fit-returns-the-model", ""),
    (sloppy.AnswersUntrained, "unfitted-is-an-error", ""),
    (sloppy.WritesIntoPositions, "inputs-not-written-to", ""),
    (sloppy.LendsItsTable, "answers-are-the-callers", ""),
    (sloppy.StoresUnderAnotherName, "hyper-parameters-are-stored", ""),
    (sloppy.RoundsItsParameter, "hyper-parameters-are-stored", ""),
    (sloppy.TakesAnything, "wrong-hyper-parameter-is-refused", ""),
    (sloppy.WrongPreset, "presets-can-be-built", ""),
    (sloppy.ForgetsOnRestore, "save-and-load", ""),
    (sloppy.ShowsNothingProper, "exhibits-are-well-formed", ""),
    (sloppy.OddVectors, "word-vectors-fit", ""),
    (sloppy.NegativeSize, "size-is-told", ""),
    (sloppy.GrowsByAnotherName, "size-is-told", ""),
]
