# ruff: noqa: RUF001
"""Addresses in messages: links before and after a reload are the same function of the text."""

import pytest
from markupsafe import escape

from chat.web.links import linked
from tests.pages.visitor import Reader

A = "https://example.org/a"
# A text, and what of it is shown as a link.
CASES = [
    ("https://example.org/wiki/Mercure_(planete)", ["https://example.org/wiki/Mercure_(planete)"]),
    ("(voir https://example.org/wiki/Mercure_(planete)).", ["https://example.org/wiki/Mercure_(planete)"]),
    (f"({A}) et [{A}], {{{A}}}", [A, A, A]),
    (f"[texte]({A})suite", [A]),
    (f"({A}),({A})", [A, A]),
    (f"{A})" * 300, [A] * 300),
    ("https://[2001:db8::1]:8080/a", ["https://[2001:db8::1]:8080/a"]),
    (f"{A}?b=(c)[d]&e={{f}}#g", [f"{A}?b=(c)[d]&e={{f}}#g"]),
    (f"{A}(", [A]),
    (f"请看{A}", [A]),
    (f"{A}。谢谢", [A]),
    (f"{A}、{A}，{A}！{A}", [A] * 4),
    (f"「{A}」（{A}）【{A}】", [A] * 3),
    ("https://例え.jp/日本", ["https://例え.jp/日本"]),
    (f"«{A}» « {A} » “{A}” „{A}‟ ‘{A}’ ‹{A}›", [A] * 6),
    (f"'{A}' \"{A}\" <{A}> `{A}`", [A] * 4),
    ("https://fr.example.org/wiki/L'Oréal", ["https://fr.example.org/wiki/L'Oréal"]),
    (f"{A}. {A}, {A}; {A}: {A}! {A}? {A}… {A}?!...", [A] * 8),
    (f"{A}/, {A}؟ {A}،", [f"{A}/", A, A]),
    ("HTTPS://EXAMPLE.ORG/A", ["HTTPS://EXAMPLE.ORG/A"]),
    ("Http://Example.org, WWW.EXAMPLE.ORG et Www.Example.org",
     ["Http://Example.org", "WWW.EXAMPLE.ORG", "Www.Example.org"]),
    ("moi@www.example.org x.www.example.org ftp://www.example.org", []),
    ("site:www.example.org", ["www.example.org"]),
    ("xhttps://example.org httpſ://example.org \u212a://example.org", []),
    ("éhttps://example.org/é", ["https://example.org/é"]),
    ("https:// http://. www. www… https:///a https://?a http://-a www..", []),
    ("javascript:alert(1) mailto:a@b.example data:text/html,x", []),
    (f"a\n{A}\tb\u00a0{A}\u3000{A}\x1f{A}\x85{A}\u2028{A}", [A] * 6),
    *((f"https://example.org/{each}gnp.exe", ["https://example.org/"]) for each in
      "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u2060\u00ad\ufeff\u034f\u3164"
      "\U000e0041\ufe0f\u180e"),
    ("https://\u202eexample.org www.\u202eexample.org", []),
    ("https://example.org/\U0001f600/a", ["https://example.org/\U0001f600/a"]),
    ("<b>https://example.org/?a=1&b=2</b>", ["https://example.org/?a=1&b=2"]),
    ("plain", []),
]  # fmt: skip


def leads_to(shown):
    """Where it must lead."""
    prefix, rest = shown[:4].lower(), shown[4:]
    if prefix == "www.":
        return f"https://www.{rest}"
    scheme, _, rest = shown.partition("://")
    return f"{scheme.lower()}://{rest}"


@pytest.mark.parametrize(("text", "shown"), CASES, ids=lambda value: ascii(value)[:40])
def test_an_address_is_a_link_and_nothing_else_is(text, shown):
    markup = str(linked(text))
    read = Reader(markup)
    assert "".join(read.texts) == text
    links = [values for tag, values in read.tags if tag == "a"]
    assert [values["href"] for values in links] == [leads_to(each) for each in shown]
    assert all(f">{escape(each)}</a>" in markup for each in shown)
    assert {tag for tag, _ in read.tags} <= {"a"}
    assert all((each["dir"], each["rel"]) == ("ltr", "noopener noreferrer nofollow") for each in links)


def test_the_browser_finds_the_same(site, visit):
    visitor = visit(site)
    visitor.open("/login")
    found = visitor.page.evaluate(
        """async (texts) => {
            const { linked } = await import("/static/js/messages/links.js"); // without a version: by itself
            return texts.map((text) => {
                const element = document.createElement("p");
                element.append(...linked(text));
                return [element.innerHTML, element.textContent];
            });
        }""",
        [text for text, _ in CASES],
    )
    served = visitor.page.evaluate(
        """(all) => all.map((markup) => {
            const page = new DOMParser().parseFromString(`<p>${markup}</p>`, "text/html");
            return page.querySelector("p").innerHTML;
        })""",
        [str(linked(text)) for text, _ in CASES],
    )
    for (text, _), (markup, shown), by_server in zip(CASES, found, served, strict=True):
        assert (markup, shown) == (by_server, text)
