"""Stored states: what is read is what was written, whether or not it is mapped into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import PluginError
from lmcompare.model import State
from lmcompare.runfolder import states
from lmcompare.runfolder.files import RunFolderError

KINDS = ["bool", "float16", "float32", "float64", *(f"{sign}int{8 * n}" for sign in ("", "u") for n in (1, 2, 4, 8))]
ARRAYS = {
    **{kind: np.arange(5).astype(kind) for kind in KINDS},
    "rows": np.arange(6.0).reshape(2, 3),
    "empty": np.zeros((0, 3), np.float32),
    "number": np.array(1.5, np.float32),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


@pytest.fixture(params=[0, 2**30], ids=["mapped", "read"])
def _mapped_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "MAPPED_FROM", request.param)


@pytest.mark.usefixtures("_mapped_from")
def test_a_state_comes_back(tmp_path: Path) -> None:
    states.save_state(State(), tmp_path)
    assert states.load_state(tmp_path) == State({}, {})
    states.save_state(State(ARRAYS, {"order": 3, "name": "ä"}), tmp_path)
    found = states.load_state(tmp_path)
    assert found.values == {"order": 3, "name": "ä"}
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array, err_msg=name)
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape), name


@pytest.mark.usefixtures("_mapped_from")
def test_what_is_written_to_its_arrays_does_not_reach_the_file(tmp_path: Path) -> None:
    states.save_state(State(ARRAYS), tmp_path)
    states.load_state(tmp_path).arrays["int32"][:] = 7
    np.testing.assert_array_equal(states.load_state(tmp_path).arrays["int32"], ARRAYS["int32"])


@pytest.mark.usefixtures("_mapped_from")
@pytest.mark.parametrize("begin", [b"", b"\xff" * 100])
def test_a_file_that_ends_early_or_is_of_another_kind_is_damaged(tmp_path: Path, begin: bytes) -> None:
    states.save_state(State(ARRAYS), tmp_path)
    whole = (tmp_path / states.ARRAYS).read_bytes()
    (tmp_path / states.ARRAYS).write_bytes(begin or whole[:-1])
    with pytest.raises(RunFolderError, match="is damaged"):
        states.load_state(tmp_path)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": 1}, "returned a dict"),
        (None, "returned a NoneType"),
        (State({"words": np.array(["a", "b"])}), "the array 'words' of <U1"),
        (State({"odd": np.array([{}, 1], object)}), "the array 'odd' of object"),
        (State({"z": np.array([1j])}), "the array 'z' of complex128"),
        (State({}, {"rate": float("nan")}), "JSON"),
        (State({}, {"seen": {1, 2}}), "set is not JSON"),
    ],
)
def test_what_is_no_state_is_refused(tmp_path: Path, state: object, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        states.save_state(state, tmp_path)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
