"use strict";
/* Draws a section's charts when it is opened, and again when the page turns light or dark. */
(function () {
  const style = () => getComputedStyle(document.documentElement);

  function resolve(value, arrays, css) {
    if (typeof value === "string") {
      if (value.startsWith("--")) return css.getPropertyValue(value).trim();
      if (/^@\d+$/.test(value)) return arrays[Number(value.slice(1))];
      return value;
    }
    if (Array.isArray(value)) return value.map((item) => resolve(item, arrays, css));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, arrays, css)]));
    }
    return value;
  }

  function decode(packed) {
    const raw = atob(packed.bdata);
    const bytes = Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
    return new Float64Array(bytes.buffer);
  }

  function layoutOf(figure, arrays, css) {
    const ink = css.getPropertyValue("--quiet").trim();
    const grid = css.getPropertyValue("--grid").trim();
    const layout = resolve(figure.layout, arrays, css);
    const axis = { gridcolor: grid, zerolinecolor: css.getPropertyValue("--rule").trim(), linecolor: grid, automargin: true,
      exponentformat: "none", separatethousands: true };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      layout[name] = { ...axis, ...layout[name] };
    }
    return {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: ink },
      margin: { l: 56, r: 12, t: 44, b: 36 },
      legend: { orientation: "h", x: 0, y: 1.01, yanchor: "bottom" },
      hovermode: "closest",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: css.getPropertyValue("--rule").trim(), activecolor: ink },
      hoverlabel: { font: { family: "system-ui, sans-serif" } },
      ...layout,
    };
  }

  function draw(section) {
    const store = section.querySelector("script[type='application/json']");
    if (!store) return;
    const content = JSON.parse(store.textContent);
    const arrays = content.arrays.map(decode);
    const css = style();
    for (const figure of content.figures) {
      const place = section.querySelector("[data-chart='" + figure.key + "']");
      const data = resolve(figure.data, arrays, css);
      Plotly.react(place, data, layoutOf(figure, arrays, css), { responsive: true, displaylogo: false,
        modeBarButtonsToRemove: ["select2d", "lasso2d"] });
    }
    section.dataset.drawn = "yes";
  }

  const sections = Array.from(document.querySelectorAll("[data-charts]"));
  for (const section of sections) {
    const frame = section.closest("details");
    if (!frame) {
      draw(section);
      continue;
    }
    if (frame.open) draw(section);
    frame.addEventListener("toggle", () => { if (frame.open && !section.dataset.drawn) draw(section); });
  }
  function openNamed() {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (named && named.tagName === "DETAILS") named.open = true;
  }
  window.addEventListener("hashchange", openNamed);
  openNamed();
  window.addEventListener("beforeprint", () => {
    for (const section of sections) { const frame = section.closest("details"); if (frame) frame.open = true; }
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const section of sections) if (section.dataset.drawn) draw(section);
  });
})();
