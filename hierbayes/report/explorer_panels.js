// A panel for each level: its data, its lines of complete and of no pooling, and the present one that moves.

function panelLimits(chosen) {
  const core = [], wide = [], xs = [];
  for (const j of chosen) {
    const level = data.levels[j];
    core.push(...lineAt(0, j), ...lineAt(middle, j));
    for (const y of level.y) core.push(y);
    if (!level.small) wide.push(...lineAt(last, j));
    for (const x of [...level.x, ...level.at]) xs.push(x);
  }
  const [a, b] = range(xs), pad = 0.08 * (b - a) || 0.5;
  return { x: [a - pad, b + pad], y: limits(core, wide, 0.5 * spanOf(core)) };
}

function panelGrid(width, n, target, left) {
  const least = width < 480 ? 94 : 108, room = width - left;
  const most = Math.max(2, Math.floor(room / least));
  let columns = Math.min(n, most);
  // The fewest empty places, among the widths that are nearly full.
  for (let c = columns; c >= Math.max(2, most - 2); c -= 1) {
    const empty = (k) => Math.ceil(n / k) * k - n;
    if (empty(c) < empty(columns)) columns = c;
  }
  // As high as the drawing beside it, within reason.
  const even = target ? (target - 40) / Math.ceil(n / columns) - 17 : 0.72 * room / columns;
  return { columns, wide: room / columns, tall: Math.min(Math.max(even, 84), target ? 190 : 150) };
}

// The ticks across: numbers, or names that stand upright where they would touch.
function panelTicks(area, wide) {
  if (!data.xNames) {
    const at = ticks(...area.x, Math.max(1, Math.floor(wide / 44)));
    return { at, texts: tickTexts(at), upright: false, below: 34 };
  }
  const names = data.xNames.map((name) => cut(shownName(name), 12));
  const upright = names.some((name) => name.length * 6.4 > 0.8 * wide / names.length);
  const step = Math.ceil(names.length / Math.max(1, Math.floor(wide / (upright ? 13 : 30))));
  const at = names.map((_, i) => i).filter((i) => i % step === 0);
  const below = upright ? 24 + 7 * Math.max(...names.map((name) => name.length)) : 34;
  return { at, texts: at.map((i) => names[i]), upright, below };
}

function drawPanels(svg, width, target, chosen, mark) {
  const area = panelLimits(chosen), up = ticks(...area.y, 4), upTexts = tickTexts(up), left = marginFor(upTexts);
  const { columns, wide, tall } = panelGrid(width, Math.max(chosen.length, 1), target, left), title = 17;
  const across = panelTicks(area, wide), rows = Math.ceil(chosen.length / columns);
  const height = rows * (tall + title) + across.below + 4;
  sheet(svg, width, height, `Data and lines of ${chosen.length} levels of ${data.factor}`);
  if (!chosen.length) return () => {};
  const moves = chosen.map((j, place) => {
    const column = place % columns, top = Math.floor(place / columns) * (tall + title) + title;
    const box = { x: left + column * wide + 3, y: top, width: wide - 6, height: tall - 4 };
    const x = scale(area.x, [box.x, box.x + box.width]), y = scale(area.y, [top + box.height, top]);
    const panel = put(svg, "g", { class: "panel", "data-level": j });
    panel.dataset.yDomain = area.y.join(" ");
    panel.dataset.yRange = `${top + box.height} ${top}`;
    put(panel, "title", {}, shownName(data.levels[j].name));
    put(panel, "rect", { class: "sheet", ...box });
    up.forEach((tick, i) => {
      line(panel, "grid", box.x, y(tick), box.x + box.width, y(tick));
      if (column === 0) write(panel, "tick", upTexts[i], box.x - 5, y(tick) + 4, "end");
    });
    if (place + columns >= chosen.length) drawPanelTicks(panel, across, x, top + box.height);
    const name = write(panel, "name", cut(shownName(data.levels[j].name), 40), box.x + box.width / 2, top - 4);
    trim(name, wide - 4);
    panel.addEventListener("pointerenter", () => mark(j));
    panel.addEventListener("pointerleave", () => mark(null));
    return drawLevel(panel, j, x, y, clip(svg, `panel-${place}`, box.x, box.y, box.width, box.height));
  });
  axisLabels(svg, data.xLabel, data.yLabel, [left, width], [0, height - across.below], height - 4);
  return (t) => moves.forEach((move) => move(t));
}

function drawPanelTicks(panel, { at, texts, upright }, x, bottom) {
  at.forEach((tick, i) => {
    const turned = { transform: `translate(${x(tick) + 4} ${bottom + 6}) rotate(-90)` };
    if (upright) write(panel, "tick", texts[i], 0, 0, "end", turned);
    else write(panel, "tick", texts[i], x(tick), bottom + 14);
  });
}

function drawLevel(panel, j, x, y, clipped) {
  const level = data.levels[j], inside = put(panel, "g", { "clip-path": clipped });
  const r = level.y.length > 60 ? 1.3 : 2.2;
  level.y.forEach((value, i) => {
    put(inside, "circle", { class: "point", cx: x(level.x[i]).toFixed(2), cy: y(value).toFixed(2), r });
  });
  // A lone place has no line to show, so it gets a short level one.
  const points = (values) => (values.length > 1
    ? values.map((value, i) => [x(level.at[i]), y(value)])
    : [-14, 14].map((side) => [x(level.at[0]) + side, y(values[0])]));
  const curve = (kind, t) => put(inside, "polyline", { class: kind, points: joined(points(lineAt(t, j))) });
  const now = curve("present-line", middle);
  curve("complete-line", 0);
  if (!level.small) curve("no-line", last);
  return (t) => now.setAttribute("points", joined(points(lineAt(t, j))));
}
