"""Formulas as MathML: every model of the catalogue, hostile names, and no command shown by halves."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from linear_catalogue import linear_models

import hierbayes as hb
from hierbayes.report.mathml import WIDEST, mathml

MODELS = linear_models()


def tree(latex):
    return ElementTree.fromstring(mathml(latex))


def text(node):
    return "".join(node.itertext())


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_catalogue_is_drawn(name):
    spec = MODELS[name]
    model = hb.Model(spec.formula, spec.table(), **spec.options())
    latex = model.equation()
    found = tree(latex)
    assert "\\" not in text(found)
    assert not set("{}&_^") & set(text(found).replace(spec.formula, ""))
    rows = found.findall("./mtable/mtr")
    with_relation = [row for row in rows if text(row[0])]
    assert len(with_relation) == latex.count(r"&\sim") + latex.count("&=")
    for row in with_relation:
        assert text(row[1])[0] in "=∼"
    for coefficient in model.design.coefficients:
        assert any(coefficient in text(row[2]) for row in with_relation)


@pytest.mark.parametrize(
    ("latex", "drawn"),
    [
        (r"\beta_{0}", "<msub><mi>β</mi><mrow><mn>0</mn></mrow></msub>"),
        (r"b^{(1)}_{0,j}", '<msubsup><mi>b</mi><mrow><mn>0</mn><mo>,</mo><mi>j</mi></mrow>'
                           '<mrow><mo stretchy="false">(</mo><mn>1</mn><mo stretchy="false">)</mo></mrow></msubsup>'),
        (r"\sqrt{w_i}", "<msqrt><mrow><msub><mi>w</mi><mi>i</mi></msub></mrow></msqrt>"),
        (r"\tilde{b}", '<mover accent="true"><mrow><mi>b</mi></mrow><mo>~</mo></mover>'),
        (r"- 4.5\,x", '<mo>−</mo><mn>4.5</mn><mspace width="0.17em"></mspace><mi>x</mi>'),
        (r"3e-05", "<mn>3e-05</mn>"),
        (r"\operatorname{LKJ}(2)",
         '<mi mathvariant="normal">LKJ</mi><mo stretchy="false">(</mo><mn>2</mn><mo stretchy="false">)</mo>'),
        (r"\text{50\%}", "<mtext>50%</mtext>"),
        (r"\text{x\textasciicircum 2 \& \{y\}}", "<mtext>x^2 &amp; {y}</mtext>"),
        (r"\text{a\textbackslash b \textasciitilde }", "<mtext>a\\b ~</mtext>"),
        (r"\text{<script>}_i", "<msub><mtext>&lt;script&gt;</mtext><mi>i</mi></msub>"),
    ],
)  # fmt: skip
def test_each_sign_is_drawn(latex, drawn):
    assert f"<mtd>{drawn}</mtd>" in mathml(latex)


def test_a_matrix_is_a_table_of_its_own():
    found = tree(r"R &= \begin{pmatrix} 1 & 0.2 \\ 0.2 & 1 \end{pmatrix} \\ x &= 1")
    rows = found.findall("./mtable/mtr")
    assert len(rows) == 2
    inner = rows[0].findall(".//mtable/mtr")
    assert [[text(cell) for cell in row] for row in inner] == [["1", "0.2"], ["0.2", "1"]]


def test_a_long_sum_is_broken_before_a_plus_sign():
    terms = " + ".join(rf"\beta_{{{k}}}\,\text{{name{k}}}_i" for k in range(12))
    rows = tree(rf"\mu &= {terms} \\ y &= 1").findall("./mtable/mtr")
    lines = [text(row[1]) for row in rows[:-1]]
    assert len(lines) > 1
    assert all(len(line) <= WIDEST for line in lines)
    assert all(line.startswith("+") for line in lines[1:])
    assert "".join(lines) == text(tree(rf"\mu &= {terms.replace(' ', '')}").find("./mtable"))[1:]


def test_an_unknown_command_is_refused():
    with pytest.raises(hb.ModelError, match="unheardof"):
        mathml(r"x &= \unheardof{y}")


def test_hostile_names_are_text():
    names = ["<script>alert(1)</script>", "a\\b", "{x}", "$y$ & 50% #_^~", "new\nline", "</math><b>"]
    rng = np.random.default_rng(0)
    data = pd.DataFrame({name: rng.normal(size=30) for name in names})
    data["y"], data["</script>"] = rng.normal(size=30), np.tile(["a", "b", "c"], 10)
    quoted = ["`" + name.replace("\\", "\\\\") + "`" for name in names]
    latex = hb.Model(f"y ~ {' + '.join(quoted)} + ({quoted[0]} | `</script>`)", data).equation()
    html = mathml(latex)
    assert not re.search(r"<(?!/?m)", html)
    shown = text(ElementTree.fromstring(html))
    for name in names:
        assert name.replace("\\", "\\\\") in shown  # labels are written as the formula writes them
