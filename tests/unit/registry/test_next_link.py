"""The Link header as RFC 8288 allows it: the next page, or an error, and never a list that is cut short in silence."""

from __future__ import annotations

import pytest

from convos_infra.registry.link import LinkError, next_target

NEXT = "/v2/x/tags/list?last=a&n=2"


@pytest.mark.parametrize(
    "header",
    [
        f'<{NEXT}>; rel="next"',
        f"<{NEXT}>; rel=next",
        f"<{NEXT}>;rel=next",
        f'<{NEXT}>; REL="NEXT"',
        f'<{NEXT}> ; Rel = "next"',
        f'<{NEXT}>; rel="next last"',
        f'<{NEXT}>; rel="prev  next"',
        f'<{NEXT}>; title="a, b; c"; rel="next"',
        f'<{NEXT}>; title="say \\"hi\\""; rel=next',
        f'</first>; rel="first", <{NEXT}>; rel="next"',
        f'<{NEXT}>; rel="next", </last>; rel="last"',
        f'<{NEXT}>; rel="next"; rel="prev"',
        f'<{NEXT}>; rel="next"; crossorigin',
        f' , <{NEXT}>; rel="next" , ',
        f'<{NEXT}>; rel="next", <{NEXT}>; rel="next"',
    ],
)
def test_every_way_to_name_the_next_page_is_followed(header: str) -> None:
    assert next_target(header) == NEXT


@pytest.mark.parametrize(
    "url", ["?n=1&last=a;b", "list?last=a,b", "https://x/y?last=%3E", "../list?last=rel=prev", "a b"]
)
def test_the_target_stands_as_it_was_sent(url: str) -> None:
    assert next_target(f'<{url}>; rel="next"') == url


@pytest.mark.parametrize(
    "header", ["", "  ", ",", '</a>; rel="prev"', "</a>", '</a>; rel="nextpage"', '</a>; title="rel=next"', "</a>; rel"]
)
def test_the_last_page_has_no_next_one(header: str) -> None:
    assert next_target(header) is None


@pytest.mark.parametrize(
    "header",
    ["next", 'rel="next"', '<a; rel="next"', '<a>; rel="next', '<a>; rel="next"x', '<a>; rel="next", <b>; rel=next'],
)
def test_a_header_that_cannot_be_read_is_no_last_page(header: str) -> None:
    with pytest.raises(LinkError):
        next_target(header)
