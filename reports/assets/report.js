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
  if (navigator.clipboard) document.querySelectorAll(".command").forEach(copyable);
  addEventListener("hashchange", openTarget);
  openTarget();
})();
