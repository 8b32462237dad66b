import pytest

from cli.batch.lines import Line
from cli.batch.names import USUAL, Names
from cli.complaint import ComplaintError


def lines(*names: str) -> list[Line]:
    return [Line(name, n, f"l: line {n}", {}) for n, name in enumerate(names, 1)]


def wrong(pattern: str, *names: str, **owners: str | None) -> list[str]:
    files = {f"{name}.png": owner for name, owner in owners.items()}
    return [str(one) for one in Names(pattern).wrong(enumerate(lines(*names)), {}, files)]


def name(pattern: str, n: int = 1, images: int = 1) -> str:
    return Names(pattern).of(
        custom_id="a", position=7, n=n, images=images, job_id="j", seed=3, ext=".png"
    )


@pytest.mark.parametrize(
    ("pattern", "one", "second"),
    [
        (USUAL, "a.png", "a-2.png"),
        ("{position:05d}{ext}", "00007.png", "00007-2.png"),
        ("x/{job_id}_{seed}{n}{ext}", "x/j_3.png", "x/j_3-2.png"),
    ],
)
def test_a_pattern_names_images(pattern: str, one: str, second: str) -> None:
    assert name(pattern) == one
    assert name(pattern, 2, 2) == second


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{custom_id", "is no pattern"),
        ("{custom_id:d}", "is no pattern"),
        ("{0}", r"\{0\} is not known"),
        ("{custom_id.__class__}", "is not known"),
        ("{prompt}", r"\{prompt\} is not known"),
        ("image{n}{ext}", "all lines alike"),
    ],
)
def test_what_is_no_pattern_is_said(pattern: str, said: str) -> None:
    with pytest.raises(ComplaintError, match=said):
        Names(pattern)


@pytest.mark.parametrize(
    ("custom_id", "why"),
    [
        ("../up", "'..' is no name"),
        ("a/../b", "'..' is no name"),
        ("/etc/x", "begins with a slash"),
        ("a//b", "'' is no name"),
        ("a\\b", "not for names"),
        ("a\nb", "not for names"),
        ("a\0b", "not for names"),
        ("é" * 120, "longer than 230 bytes"),
        ("contact-sheet", "a name of ours"),
        (".segq-batch/x", "a name of ours"),
    ],
)
def test_a_name_that_no_file_may_have_is_told_with_its_line(custom_id: str, why: str) -> None:
    (said,) = wrong(USUAL, "fine", custom_id, "cats/fine")
    assert said.startswith("l: line 2: its image cannot be called")
    assert why in said


def test_names_that_only_begin_like_ours_are_fine() -> None:
    assert wrong(USUAL, "manifesto", "a/contact-sheet") == []
    assert wrong("{custom_id}", "manifest.jsonl") != []


def test_two_images_of_one_name_are_told_with_both_lines() -> None:
    assert wrong(USUAL, "Cat", "cat") == [
        "l: line 2: its image would be called 'cat.jpg', as that of l: line 1"
    ]
    assert wrong(USUAL, "e\u0301", "\u00e9") != []
    assert wrong("{position}{ext}", "Cat", "cat") == []
    found = Names(USUAL).wrong(enumerate(lines("a", "a-2")), {"a": 2}, {})
    assert [one.place for one in found] == ["l: line 2"]


def test_two_lines_of_one_row_and_a_matrix_are_told_apart() -> None:
    crossed = [Line(f"line-2-seed{n}", 2, "l: line 2", {}) for n in (1, 2)]
    (said,) = Names("{custom_id:.7}{n}{ext}").wrong(enumerate(crossed), {}, {})
    assert str(said).endswith("called 'line-2-.jpg', as that of 'line-2-seed1'")


def test_a_file_of_somebody_else_is_not_written_over() -> None:
    assert wrong(USUAL, "cat", cat=None) == [
        "l: line 1: its image would take the place of cat.png, which is another's"
    ]
    assert wrong(USUAL, "cat", cat="dog") != []
    assert wrong(USUAL, "cat", cat="cat") == []
    assert wrong(USUAL, "cat", other=None) == []
