"""`python -m docs.icons`: the icons of the installed app in static/icons/, from static/icon.svg."""

from base64 import b64encode

from tests.browser import launch
from tests.server import ROOT

GROUND = "#faf8f5"
# name → (size, ground, corners in per cent, share of the width that the drawing has, filter). What systems
# cut to their own shape fills the whole square, and keeps the drawing within four fifths; a badge is its
# shape alone.
ICONS = {
    "192": (192, GROUND, 22, 0.66, "none"),
    "512": (512, GROUND, 22, 0.66, "none"),
    "maskable-512": (512, GROUND, 0, 0.56, "none"),
    "apple-180": (180, GROUND, 0, 0.66, "none"),
    "badge-96": (96, "transparent", 0, 0.92, "brightness(0) invert(1)"),
}
PAGE = """
<style>
  body {{ margin: 0; background: transparent; }}
  div {{ width: {size}px; height: {size}px; display: grid; place-items: center;
    background: {ground}; border-radius: {corners}%; }}
  img {{ width: {share:.0%}; filter: {filter}; }}
</style>
<div><img src="data:image/svg+xml;base64,{drawing}"></div>
"""


def main() -> None:
    """Draw all of them."""
    drawing = b64encode((ROOT / "static" / "icon.svg").read_bytes()).decode()
    folder = ROOT / "static" / "icons"
    folder.mkdir(exist_ok=True)
    with launch() as browser:
        for name, (size, ground, corners, share, look) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                PAGE.format(
                    size=size, ground=ground, corners=corners, share=share, filter=look, drawing=drawing
                )
            )
            page.screenshot(path=folder / f"{name}.png", omit_background=True)
            page.close()


if __name__ == "__main__":
    main()
