// Makes the charts interactive and the commands copyable. The page is complete without it.
"use strict";
(() => {
  const SERIES = [
    { key: "max_ms", label: "max", color: "--max", dash: [2, 4], width: 1.5 },
    { key: "p99_ms", label: "p99", color: "--p99", width: 2 },
    { key: "p95_ms", label: "p95", color: "--p95", dash: [6, 4], width: 1.5 },
    { key: "p50_ms", label: "p50", color: "--p50", width: 2 },
  ];
  const HEIGHT = 260;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ms = (v) => (v == null ? "–" : (v >= 100 ? Math.round(v) : v.toFixed(1)) + " ms");

  // Fault windows are drawn under the lines, the marks of unhappy orders over them.
  const faults = (data) => (u) => {
    u.ctx.save();
    u.ctx.fillStyle = color("--band");
    for (const w of data.windows) {
      const left = Math.max(u.valToPos(w.from, "x", true), u.bbox.left);
      const right = Math.min(u.valToPos(w.to, "x", true), u.bbox.left + u.bbox.width);
      if (right >= left) u.ctx.fillRect(left, u.bbox.top, Math.max(right - left, uPlot.pxRatio), u.bbox.height);
    }
    u.ctx.restore();
  };
  const marks = (data) => (u) => {
    const size = 4 * uPlot.pxRatio, bottom = u.bbox.top + u.bbox.height;
    u.ctx.save();
    u.ctx.fillStyle = color("--violation");
    data.unhappy.forEach((n, i) => {
      if (!n) return;
      const x = u.valToPos(data.x[i], "x", true);
      u.ctx.beginPath();
      u.ctx.moveTo(x, bottom - 2 * size);
      u.ctx.lineTo(x + size, bottom);
      u.ctx.lineTo(x - size, bottom);
      u.ctx.fill();
    });
    u.ctx.restore();
  };

  const options = (data, width) => {
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const end = Math.max(data.x[data.x.length - 1], ...data.windows.map((w) => w.to));
    const happening = (u, i) => {
      if (i == null) return "–";
      const active = data.windows.filter((w) => w.from <= data.x[i] && data.x[i] <= w.to).map((w) => w.name);
      return [...new Set(active)].join(", ") || "none";
    };
    return {
      width, height: HEIGHT,
      cursor: { y: false, drag: { x: true, y: false } },
      scales: {
        x: { time: false, range: (u, lo, hi) => (u.zoomed ? [lo, hi] : [Math.min(0, data.x[0]), end]) },
        y: data.log ? { distr: 3 } : { range: (u, lo, hi) => [0, (hi || 1) * 1.05] },
      },
      axes: [
        { ...axis, size: 32, values: (u, ticks) => ticks.map((t) => t + " s") },
        { ...axis, size: 56, values: (u, ticks) => ticks.map((t) => (t == null ? "" : t.toLocaleString("en"))) },
      ],
      series: [
        { label: "at", value: (u, v) => (v == null ? "–" : v.toFixed(1) + " s") },
        ...SERIES.map((s) => ({
          label: s.label, stroke: color(s.color), width: s.width, dash: s.dash, points: { show: data.x.length < 40 },
          value: (u, v) => ms(v),
        })),
        { label: "without success", scale: "n", show: true, stroke: "transparent", points: { show: false },
          value: (u, v, si, i) => (i == null ? "–" : String(data.unhappy[i])) },
        ...(data.windows.length ? [{ label: "fault", scale: "n", stroke: "transparent", points: { show: false },
          value: (u, v, si, i) => happening(u, i) }] : []),
      ],
      hooks: {
        drawClear: [faults(data)],
        draw: [marks(data)],
        setSelect: [(u) => { u.zoomed = u.select.width > 0; }],
      },
    };
  };

  const columns = (data) => [
    data.x, ...SERIES.map((s) => data.series[s.key]), data.unhappy, ...(data.windows.length ? [data.unhappy] : []),
  ];

  const draw = (figure, data) => {
    const target = figure.querySelector(".plot");
    let plot = null;
    const make = () => {
      const width = Math.floor(target.clientWidth);
      if (!width) return;
      plot?.destroy();
      plot = new uPlot(options(data, width), columns(data), target);
      // Without a pointer over it, the legend tells of the worst moment.
      const worst = data.series.p99_ms.reduce((best, v, i, all) => (v != null && !(v <= all[best]) ? i : best), 0);
      queueMicrotask(() => plot.setLegend({ idx: worst })); // after uPlot's own first commit, which empties it
      plot.over.addEventListener("mouseleave", () => plot.setLegend({ idx: worst }));
      plot.over.addEventListener("dblclick", () => { plot.zoomed = false; });
    };
    target.hidden = false;
    figure.querySelector(".static").hidden = true;
    // A closed scenario has no width; it is drawn when it opens.
    const fit = () => {
      const width = Math.floor(target.clientWidth);
      if (!plot) make();
      else if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    };
    fit();
    figure.closest("details").addEventListener("toggle", fit);
    // Drawing changes the height, which an observer may not do within its own notification.
    new ResizeObserver(() => requestAnimationFrame(fit)).observe(target);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", make);
  };

  // Every attempt as a bar in its buyer's lane. Only what is in view is drawn, so that ten thousand stay smooth.
  const attemptTimeline = (box, data) => {
    const canvas = box.querySelector("canvas"), detail = box.querySelector(".detail"), range = box.querySelector(".range");
    const context = canvas.getContext("2d");
    const count = data.at.length, ROWS = 40, PAD = 6;
    const end = data.at.reduce((most, at, i) => Math.max(most, at + data.took[i]), 1);
    // A lane a buyer; where one buyer number stands for many, an attempt takes the first lane that is free.
    const buyers = [...new Set(data.buyer)].sort((a, b) => a - b), free = [];
    const lanes = buyers.length > 1 ? data.buyer.map((b) => buyers.indexOf(b)) : data.at.map((at, i) => {
      let lane = free.findIndex((until) => until <= at);
      if (lane < 0) lane = free.length;
      free[lane] = at + data.took[i];
      return lane;
    });
    const laneCount = lanes.reduce((most, lane) => Math.max(most, lane), 0) + 1;
    const rowHeight = laneCount <= 12 ? 14 : laneCount <= ROWS ? 8 : Math.max(1, 320 / laneCount);
    const height = Math.round(laneCount * rowHeight + 2 * PAD);
    const longest = Math.max(...data.took.slice(0, 100000));
    let from = 0, to = end, chosen = -1, width = 0, queued = false;
    const names = data.outcomes.map((name) => (name === "error" ? "--o-error" : "--" + name));
    const seconds = (us) => (us / 1e6).toFixed(us < 1e7 ? 3 : 1) + " s";
    const firstAfter = (us) => {
      let low = 0, high = count;
      while (low < high) { const middle = (low + high) >> 1; if (data.at[middle] < us) low = middle + 1; else high = middle; }
      return low;
    };
    const paint = () => {
      queued = false;
      if (!width) return;
      const ratio = devicePixelRatio || 1, scale = width / (to - from);
      canvas.width = width * ratio; canvas.height = height * ratio;
      canvas.style.setProperty("height", height + "px");
      context.scale(ratio, ratio);
      const colors = names.map(color);
      for (let i = firstAfter(from - longest); i < count && data.at[i] <= to; i++) {
        const x = (data.at[i] - from) * scale, w = Math.max(1, data.took[i] * scale);
        if (x + w < 0) continue;
        context.fillStyle = colors[data.outcome[i]];
        context.fillRect(x, PAD + lanes[i] * rowHeight, w, Math.max(1, rowHeight - 1));
      }
      if (chosen >= 0) {
        context.strokeStyle = color("--ink"); context.lineWidth = 2;
        context.strokeRect((data.at[chosen] - from) * scale - 1, PAD + lanes[chosen] * rowHeight - 1,
          Math.max(3, data.took[chosen] * scale + 2), Math.max(3, rowHeight + 1));
      }
      range.textContent = seconds(from) + " to " + seconds(to);
    };
    const draw = () => { if (!queued) { queued = true; requestAnimationFrame(paint); } };
    const zoom = (factor, at = (from + to) / 2) => {
      const span = Math.min(end, Math.max(50, (to - from) * factor));
      from = Math.max(0, Math.min(end - span, at - (at - from) * span / (to - from)));
      to = from + span;
      draw();
    };
    const choose = (i) => {
      chosen = i;
      if (i >= 0) {
        const note = data.note[i] < 0 ? "" : " – " + data.notes[data.note[i]];
        detail.textContent = `Attempt ${data.attempt[i]}: order ${data.key[i]}…, try ${data.try[i]}, buyer ${data.buyer[i]}, ` +
          `${data.outcomes[data.outcome[i]].replace("_", " ")} after ${ms(data.took[i] / 1000)}, at ${seconds(data.at[i])}${note}`;
        if (data.at[i] < from || data.at[i] > to) {
          const span = to - from;
          from = Math.max(0, Math.min(end - span, data.at[i] - span / 2));
          to = from + span;
        }
      }
      draw();
    };
    const under = (event) => {
      const box = canvas.getBoundingClientRect(), us = from + (event.clientX - box.left) * (to - from) / box.width;
      const lane = Math.floor((event.clientY - box.top - PAD) / rowHeight), slack = 4 * (to - from) / box.width;
      let best = -1, nearest = Infinity;
      for (let i = firstAfter(us - longest - slack); i < count && data.at[i] <= us + slack; i++) {
        const off = Math.max(data.at[i] - us, us - data.at[i] - data.took[i], 0) + Math.abs(lanes[i] - lane) * slack;
        if (Math.abs(lanes[i] - lane) <= 1 && off <= nearest) { nearest = off; best = i; }
      }
      return best;
    };
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => { drag = { x: event.clientX, from, moved: false }; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const moved = event.clientX - drag.x, span = to - from;
      drag.moved ||= Math.abs(moved) > 3;
      from = Math.max(0, Math.min(end - span, drag.from - moved * span / width));
      to = from + span;
      draw();
    });
    canvas.addEventListener("pointerup", (event) => { if (drag && !drag.moved) choose(under(event)); drag = null; });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey) return; // the page scrolls as ever
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, from + event.offsetX * (to - from) / width);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const keys = {
        ArrowRight: () => choose(Math.min(count - 1, chosen + 1)), ArrowLeft: () => choose(Math.max(0, chosen - 1)),
        "+": () => zoom(0.5, chosen < 0 ? undefined : data.at[chosen]), "-": () => zoom(2), Home: () => choose(0), End: () => choose(count - 1),
      };
      if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
    });
    for (const button of box.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => {
        if (button.dataset.zoom === "all") { from = 0; to = end; draw(); } else zoom(button.dataset.zoom === "in" ? 0.5 : 2);
      });
    }
    box.hidden = false;
    const fit = () => { const now = Math.floor(canvas.clientWidth); if (now && now !== width) { width = now; paint(); } };
    fit();
    box.closest("details").addEventListener("toggle", fit);
    new ResizeObserver(() => requestAnimationFrame(fit)).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  };

  const copyable = (box) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    box.append(button);
  };

  // A link to a closed scenario opens it.
  const openTarget = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };

  const charts = JSON.parse(document.getElementById("charts").textContent);
  for (const figure of document.querySelectorAll("figure[data-chart]")) draw(figure, charts[figure.dataset.chart]);
  const attempts = JSON.parse(document.getElementById("attempts").textContent);
  for (const box of document.querySelectorAll("[data-attempts]")) attemptTimeline(box, attempts[box.dataset.attempts]);
  if (navigator.clipboard) document.querySelectorAll(".command").forEach(copyable);
  addEventListener("hashchange", openTarget);
  openTarget();
})();
