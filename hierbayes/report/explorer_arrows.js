// Arrows from no pooling to the present: in the plane of two terms, or in a row for each level.

const ARROW = "M0,0 L-8,3.4 L-8,-3.4 Z";
const DOT = "M-3,0 a3,3 0 1 0 6,0 a3,3 0 1 0 -6,0";

// Returns a function that moves the arrow's head. A level too small for a fit of its own has nowhere to come from and
// is a dot.
function drawArrow(parent, j, faint, place, mark) {
  const small = data.levels[j].small, start = place(totalAt(last, j));
  const group = put(parent, "g", { class: faint ? "arrow faint" : "arrow", "data-level": j });
  put(group, "title", {}, shownName(data.levels[j].name));
  if (!small) {
    put(group, "polyline", { class: "way", points: joined(data.multipliers.map((_, t) => place(totalAt(t, j)))) });
    put(group, "circle", { class: "start", r: 3, cx: start[0], cy: start[1] });
  }
  const shaft = small ? null : line(group, "shaft", start[0], start[1], start[0], start[1]);
  const head = put(group, "path", { class: "head" });
  group.addEventListener("pointerenter", () => mark(j));
  group.addEventListener("pointerleave", () => mark(null));
  return (t) => {
    const [x, y] = place(totalAt(t, j)), dx = x - start[0], dy = y - start[1];
    const long = !small && Math.hypot(dx, dy) > 9, angle = long ? Math.atan2(dy, dx) * 180 / Math.PI : 0;
    shaft?.setAttribute("x2", x);
    shaft?.setAttribute("y2", y);
    head.setAttribute("d", long ? ARROW : DOT);
    head.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) rotate(${angle.toFixed(1)})`);
  };
}

// Limits that hold complete pooling, the middle, and the levels' own fits but for the wildest.
function arrowLimits(term) {
  const at = (t) => data.levels.map((_, j) => totalAt(t, j)[term]);
  const own = at(last).filter((_, j) => !data.levels[j].small), core = [...at(middle), ...at(0)];
  return limits(core, own, 1.5 * spanOf(core), fences(own));
}

const finest = (chosen) => [...data.levels.keys()].sort((a, b) => chosen.includes(a) - chosen.includes(b));

function drawPlane(svg, width, [first, second], chosen, mark) {
  const height = Math.min(width, 560), right = width - 8, top = 8, bottom = height - 40;
  sheet(svg, width, height, `${data.terms[first]} and ${data.terms[second]} of each level, from no pooling to now`);
  const area = [first, second].map(arrowLimits);
  const up = ticks(...area[1], 6), upTexts = tickTexts(up), left = marginFor(upTexts);
  const x = scale(area[0], [left, right]), y = scale(area[1], [bottom, top]);
  const place = (total) => [x(total[first]), y(total[second])];
  Object.assign(svg.dataset, { xDomain: area[0].join(" "), xRange: `${left} ${right}` });
  Object.assign(svg.dataset, { yDomain: area[1].join(" "), yRange: `${bottom} ${top}` });
  put(svg, "rect", { class: "sheet", x: left, y: top, width: right - left, height: bottom - top });
  acrossAxis(svg, area[0], x, [left, right], [top, bottom]);
  up.forEach((tick, i) => {
    line(svg, "grid", left, y(tick), right, y(tick));
    write(svg, "tick", upTexts[i], left - 5, y(tick) + 4, "end");
  });
  axisLabels(svg, data.terms[first], data.terms[second], [left, right], [top, bottom], height - 6);
  const inside = put(svg, "g", { "clip-path": clip(svg, "plane-clip", left, top, right - left, bottom - top) });
  const rings = [0.5, 0.9].map((share) => {
    const ring = put(inside, "polyline", { class: "ring", "data-share": share });
    const points = (t) => ellipseAt(t, share, [first, second]).map(([a, b]) => [x(a), y(b)]);
    return (t) => ring.setAttribute("points", joined(points(t)));
  });
  const arrows = finest(chosen).map((j) => drawArrow(inside, j, !chosen.includes(j), place, mark));
  const fixed = place(populationAt(0));
  const where = { transform: `translate(${fixed.join(" ")})` };
  put(inside, "path", { class: "complete-dot", d: "M0,-6 L6,0 L0,6 L-6,0 Z", ...where });
  const mean = put(inside, "rect", { class: "mean-dot", width: 10, height: 10 });
  drawNames(inside, place, chosen, [left, top, right, bottom]);
  return (t) => {
    for (const move of [...rings, ...arrows]) move(t);
    const [a, b] = place(populationAt(t));
    mean.setAttribute("x", a - 5);
    mean.setAttribute("y", b - 5);
  };
}

// Names beside the ends without pooling, which do not move, on the side that the arrow leaves free; one that finds no
// room is left out.
function drawNames(parent, place, chosen, [left, top, right, bottom]) {
  const starts = data.levels.map((level, j) => place(totalAt(level.small ? middle : last, j)));
  const ends = data.levels.map((_, j) => place(totalAt(middle, j)));
  const taken = starts.map(([x, y]) => [x - 4, y - 4, x + 4, y + 4]);
  for (const j of chosen) {
    for (const f of [0.25, 0.5, 0.75, 1]) {
      const [x, y] = [0, 1].map((i) => (1 - f) * starts[j][i] + f * ends[j][i]);
      if (Math.hypot(x - starts[j][0], y - starts[j][1]) > 6) taken.push([x - 3, y - 3, x + 3, y + 3]);
    }
  }
  const apart = (a, b) => a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3];
  const inside = (box) => box[0] >= left && box[2] <= right && box[1] >= top && box[3] <= bottom;
  for (const j of chosen) {
    const text = cut(shownName(data.levels[j].name), 14), wide = 6.3 * text.length + 2, [x, y] = starts[j];
    const sides = [[7, 4, "start"], [-7, 4, "end"]], poles = [[0, -7, "middle"], [0, 15, "middle"]];
    const tries = [...(ends[j][0] > x ? sides.reverse() : sides), ...(ends[j][1] < y ? poles.reverse() : poles)];
    for (const [dx, dy, anchor] of tries) {
      const from = x + dx - { start: 0, middle: wide / 2, end: wide }[anchor];
      const box = [from, y + dy - 10, from + wide, y + dy + 2];
      if (!inside(box) || !taken.every((other) => apart(box, other))) continue;
      taken.push(box);
      write(parent, "tick halo level-name", text, x + dx, y + dy, anchor, { "data-level": j });
      break;
    }
  }
}

function drawStrip(svg, width, term, chosen, mark) {
  const order = [...data.levels.keys()].sort((a, b) => totalAt(last, a)[term] - totalAt(last, b)[term]);
  const names = data.levels.map((level) => cut(shownName(level.name), 16));
  const pitch = Math.min(30, Math.max(5, 560 / order.length)), named = pitch >= 11;
  const longest = 14 + 6.6 * Math.max(...names.map((name) => name.length));
  const left = named ? Math.min(longest, 0.36 * width) : 14, right = width - 10, top = 24;
  const bottom = top + pitch * order.length + 4, height = bottom + 40;
  sheet(svg, width, height, `${data.terms[term]} of each level, from no pooling to now`);
  const area = arrowLimits(term), x = scale(area, [left, right]);
  Object.assign(svg.dataset, { xDomain: area.join(" "), xRange: `${left} ${right}` });
  put(svg, "rect", { class: "sheet", x: left, y: top, width: right - left, height: bottom - top });
  acrossAxis(svg, area, x, [left, right], [top, bottom]);
  const mean = data.terms[term] === "Intercept" && data.beta[0].length === 1;
  axisLabels(svg, mean ? `mean ${data.yLabel}` : data.terms[term], null, [left, right], [top, bottom], height - 6);
  const inside = put(svg, "g", { "clip-path": clip(svg, "plane-clip", left, 0, right - left, bottom) });
  const fixed = x(populationAt(0)[term]);
  line(inside, "complete-line", fixed, top, fixed, bottom);
  const row = new Map(order.map((j, i) => [j, bottom - 4 - pitch * (i + 0.5)]));
  const moves = order.map((j) => {
    if (named) trim(write(svg, "tick", names[j], left - 6, row.get(j) + 4, "end"), left - 8);
    return drawArrow(inside, j, !chosen.includes(j), (total) => [x(total[term]), row.get(j)], mark);
  });
  const dot = put(inside, "rect", { class: "mean-dot", width: 10, height: 10, y: top - 16 });
  return (t) => {
    for (const move of moves) move(t);
    dot.setAttribute("x", x(populationAt(t)[term]) - 5);
  };
}
