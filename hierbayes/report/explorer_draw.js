// What all drawings share, and the posterior density under the slider. All text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const THUMB = 24;

function put(parent, name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

const line = (parent, kind, x1, y1, x2, y2) => put(parent, "line", { class: kind, x1, y1, x2, y2 });
const write = (parent, kind, text, x, y, anchor = "middle", more = {}) =>
  put(parent, "text", { class: kind, x, y, "text-anchor": anchor, ...more }, text);

// Cut a text until it is no wider than its room.
function trim(made, room) {
  const whole = made.textContent;
  for (let letters = Array.from(whole).length; letters > 1 && made.getComputedTextLength() > room;) {
    letters = Math.min(letters - 1, Math.floor(letters * room / made.getComputedTextLength()));
    made.textContent = cut(whole, letters);
  }
}

function sheet(svg, width, height, label) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-label", label);
}

const scale = ([a, b], [c, d]) => (value) => c + (value - a) * (d - c) / (b - a);
const joined = (points) => points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");

function clip(svg, id, x, y, width, height) {
  const path = put(put(svg, "defs"), "clipPath", { id });
  put(path, "rect", { x, y, width, height });
  return `url(#${id})`;
}

function axisLabels(svg, across, up, [left, right], [top, bottom], y) {
  trim(write(svg, "label", shownName(across), (left + right) / 2, y), right - left);
  if (up === null) return;
  const turned = { transform: `translate(11 ${(top + bottom) / 2}) rotate(-90)` };
  trim(write(svg, "label", shownName(up), 0, 0, "middle", turned), bottom - top);
}

const marginFor = (texts) => 24 + 6.6 * Math.max(2, ...texts.map((text) => text.length));

function acrossAxis(svg, area, x, [left, right], [top, bottom]) {
  const found = ticks(...area, Math.max(2, Math.floor((right - left) / 70))), texts = tickTexts(found);
  found.forEach((tick, i) => {
    line(svg, "grid", x(tick), top, x(tick), bottom);
    write(svg, "tick", texts[i], x(tick), bottom + 15);
  });
}

// ---- the posterior density of one sd, along the slider ----

function drawDensity(svg, width, term) {
  const height = 106, base = 64, half = THUMB / 2;
  const sd = data.anchor.sds[term], found = data.posterior[term], reml = data.anchor.reml?.[term];
  sheet(svg, width, height, `Posterior density of the sd of ${data.terms[term]}`);
  const place = scale([0, last], [half, width - half]);
  const slot = (value) => (value <= 0 ? 0 : Math.max(0, middle + (last - middle) * Math.log10(value / sd) / 2));
  if (found) drawHill(svg, found.density, place, base);
  line(svg, "axis", place(0.7), base, place(last), base);
  put(svg, "circle", { class: "zero", cx: place(0), cy: base, r: 2.5 });
  drawMarks(svg, width, sd, (value) => place(slot(value)), base);
  const said = `sd of ${cut(shownName(data.terms[term]), 24)}, log scale: posterior density`;
  trim(write(svg, "tick", said, width / 2, height - 5), width);
  if (Number.isFinite(reml)) {
    const x = place(slot(reml)), [anchor, aside] = x > width - 120 ? ["end", -8] : ["start", 8];
    put(svg, "path", { class: "reml", d: `M${x},${base} l-5,9 h10 Z`, "data-sd": reml });
    line(svg, "reml-line", x, 2, x, base);
    write(svg, "tick strong halo", `REML ${number(reml)}`, x + aside, 12, anchor);
  }
  const now = line(svg, "now", 0, 0, 0, base);
  return (t) => {
    now.setAttribute("x1", place(t));
    now.setAttribute("x2", place(t));
  };
}

function drawHill(svg, density, place, base) {
  const x = scale([0, density.length - 1], [place(1), place(last)]), y = scale([0, Math.max(...density)], [base, 20]);
  const points = density.map((height, i) => [x(i), y(height)]);
  put(svg, "path", { class: "hill", d: `M${place(1)},${base} L${joined(points)} L${place(last)},${base} Z` });
}

function drawMarks(svg, width, sd, place, base) {
  const lowest = sd * data.multipliers[1], highest = sd * data.multipliers[last], taken = [place(0)];
  write(svg, "tick", "0", place(0), base + 21);
  for (const digit of [1, 3]) {
    for (let power = Math.floor(Math.log10(lowest)); power <= Math.log10(highest); power += 1) {
      const value = digit * 10 ** power, x = place(value);
      const fits = x <= width - 14 && taken.every((other) => Math.abs(other - x) >= 42);
      if (value < lowest || value > highest || !fits) continue;
      taken.push(x);
      line(svg, "axis", x, base, x, base + 4);
      write(svg, "tick", number(value), x, base + 21);
    }
  }
}
