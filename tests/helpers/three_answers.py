"""The three answers of eighty persons of VerbAgg as categories: effects of persons correlated, of items split."""

from __future__ import annotations

import hierbayes as hb

FORMULA = "resp ~ Anger + situ + (1 | id) + (1 || item)"
PERSONS = 80


def model(**options):
    said = hb.load_data("verbagg")
    people = said["id"].cat.categories[:PERSONS]
    data = said[said["id"].isin(people)].assign(id=lambda own: own["id"].cat.remove_unused_categories())
    return hb.Model(FORMULA, data, family="categorical", **options)
