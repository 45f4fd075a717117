"""Draw the pictures of README and documentation from a real fit. Run by hand: python docs/make_images.py."""

from pathlib import Path

import hierbayes as hb

IMAGES = Path(__file__).resolve().parent / "images"


def main():
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), seed=1, progress=False)
    IMAGES.mkdir(exist_ok=True)
    fit.plot.shrinkage().savefig(IMAGES / "shrinkage.png", dpi=110)


if __name__ == "__main__":
    main()
