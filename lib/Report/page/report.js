// Draws the page's charts: data of #charts, by Chart.js.
(() => {
  'use strict';
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const darkScheme = matchMedia('(prefers-color-scheme: dark)');
  // Colors that also those tell apart who see no red or green.
  const palettes = {
    light: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9', '#6a3d9a', '#555555'],
    dark: ['#56b4e9', '#ff8c42', '#2ec4a0', '#e29ac4', '#e6c34a', '#8ecbff', '#b794f4', '#bbbbbb'],
  };
  const inks = {
    light: {text: '#33383f', grid: '#e3e6ea', zero: '#8a919b', none: '#f1f2f4'},
    dark: {text: '#c9ced6', grid: '#343a43', zero: '#8a919b', none: '#242931'},
  };
  const dashes = [[], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2, 1, 2]];
  const viridis = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];
  const drawn = new Map();  // figure to its Chart

  const text = value => {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    const size = Math.abs(value);
    if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace('e+', 'e');
    return String(Number(value.toPrecision(5)));
  };

  const axis = (about, ink) => ({
    type: about.log ? 'logarithmic' : 'linear',
    title: {display: about.label !== '', text: about.label, color: ink.text},
    grid: {color: ink.grid, borderColor: ink.grid},
    ticks: {
      color: ink.text,
      maxRotation: 0,
      autoSkipPadding: 10,
      precision: about.whole ? 0 : undefined,
      callback(value, index, ticks) {
        if (!about.log) return text(value);
        // Few decades: 1, 2 and 5 of each; many: the powers of ten.
        const exact = value / 10 ** Math.floor(Math.log10(value) + 1e-9), mantissa = Math.round(exact);
        if (Math.abs(exact - mantissa) > 1e-6) return null;
        const decades = Math.log10(ticks[ticks.length - 1].value / ticks[0].value);
        const shown = decades > 3 ? [1] : decades > 1.2 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 8];
        return shown.includes(mantissa) ? text(value) : null;
      },
    },
  });

  const common = {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    devicePixelRatio: Math.max(2, window.devicePixelRatio),
  };

  function lineConfig(data, scheme) {
    const ink = inks[scheme], palette = palettes[scheme];
    const datasets = data.series.map(one => {
      const color = palette[one.color % palette.length];
      return {
        label: one.name,
        data: one.points.map(([x, y]) => ({x, y})),
        showLine: one.line,
        borderColor: color,
        backgroundColor: color,
        borderWidth: 1.6,
        borderDash: dashes[one.dash % dashes.length],
        pointRadius: one.markers || one.points.length === 1 ? 2.6 : 0,
        pointHitRadius: 6,
        clip: 6,
        tension: 0,
      };
    });
    const x = axis(data.x, ink);
    let low = Infinity, high = -Infinity;
    for (const one of data.series)
      for (const [at] of one.points) {
        low = Math.min(low, at);
        high = Math.max(high, at);
      }
    // A little air beside the points instead of whole decades; ticks from 0.
    if (data.x.log) Object.assign(x, {min: low / 1.3, max: high * 1.3});
    else Object.assign(x, {min: low <= 0.6 * high ? Math.min(0, low) : low, max: high});
    return {
      type: 'line',
      data: {datasets},
      options: {
        ...common,
        parsing: false,
        normalized: false,
        interaction: {mode: 'nearest', axis: 'x', intersect: false},
        scales: {x, y: axis(data.y, ink)},
        plugins: {
          legend: {position: 'bottom', labels: {
            color: ink.text, usePointStyle: true, pointStyle: 'line', pointStyleWidth: 26, padding: 8,
            filter: (item, chart) => chart.datasets[item.datasetIndex].showLine,
            // The library shows a line's dashes only where it shows no points.
            generateLabels: chart => Chart.defaults.plugins.legend.labels.generateLabels(chart).map(
              item => ({...item, lineDash: chart.data.datasets[item.datasetIndex].borderDash})),
          }},
          tooltip: {
            itemSort: (a, b) => a.parsed.y - b.parsed.y,
            callbacks: {
              title: items => `${data.x.label} ${text(items[0].parsed.x)}`,
              label: item => `${item.dataset.label}: ${text(item.parsed.y)}`,
            },
          },
        },
      },
    };
  }

  function viridisAt(share) {
    // What has no place in the range (a zero of a logarithm) is at its lower end.
    const at = Math.min(Math.max(Number.isFinite(share) ? share : 0, 0), 1) * (viridis.length - 1);
    const i = Math.min(Math.floor(at), viridis.length - 2);
    const mix = viridis[i].map((from, k) => Math.round(from + (viridis[i + 1][k] - from) * (at - i)));
    return `rgb(${mix.join(',')})`;
  }

  /// The range of the cells and the color of a value within it.
  function colorScale(data) {
    const values = data.cells.flat().filter(v => v !== null && (!data.value.log || v > 0));
    let [low, high] = data.range ?? [Infinity, -Infinity];
    for (const v of values) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    const f = data.value.log ? Math.log : v => v;
    const span = f(high) - f(low);
    return {low, high, of: v => viridisAt(span > 0 ? (f(v) - f(low)) / span : 0.5)};
  }

  // A cell is a bar that floats between the borders of its row.
  function heatConfig(data, scheme) {
    const ink = inks[scheme], scale = colorScale(data);
    const datasets = data.cells.map((row, r) => ({
      data: data.columns.map((_, c) => [data.first + r - 0.5, data.first + r + 0.5]),
      backgroundColor: data.columns.map((_, c) => row[c] === null || row[c] === undefined ? ink.none : scale.of(row[c])),
      grouped: false,
      barPercentage: 1,
      categoryPercentage: 1,
      borderWidth: 0,
    }));
    const first = data.first, last = data.first + data.cells.length - 1;
    return {
      type: 'bar',
      data: {labels: data.columns, datasets},
      options: {
        ...common,
        scales: {
          x: {
            title: {display: data.x.label !== '', text: data.x.label, color: ink.text},
            grid: {display: false, borderColor: ink.grid},
            ticks: {color: ink.text, maxRotation: 0, autoSkipPadding: 12},
          },
          y: {
            title: {display: data.y.label !== '', text: data.y.label, color: ink.text},
            min: first - 0.5,
            max: last + 0.5,
            grid: {display: false, borderColor: ink.grid},
            ticks: {color: ink.text},
            afterBuildTicks(scale) {
              const stride = Math.max(1, Math.ceil((last - first + 1) / 12));
              scale.ticks = [];
              for (let at = first; at <= last; at += stride) scale.ticks.push({value: at});
            },
          },
        },
        plugins: {
          legend: {display: false},
          tooltip: {
            displayColors: false,
            callbacks: {
              title: () => '',
              label: item => {
                const name = axis => axis.label === '' ? '' : `${axis.label} `;
                return `${name(data.y)}${first + item.datasetIndex}, ${name(data.x)}${item.label}: ` +
                       text(data.cells[item.datasetIndex][item.dataIndex]);
              },
            },
          },
        },
      },
    };
  }

  // An interval is a floating bar, its mean a narrow one on top of it.
  function intervalConfig(data, scheme) {
    const ink = inks[scheme], palette = palettes[scheme];
    const ends = data.items.flatMap(item => [item.mean, item.low, item.high, 0]).filter(v => v !== null);
    const width = (Math.max(...ends) - Math.min(...ends) || 1) * 0.004;
    const bar = (values, color, thickness) => ({
      data: values,
      backgroundColor: color,
      grouped: false,
      barThickness: thickness,
      borderSkipped: false,
    });
    const x = axis(data.x, ink);
    x.grid.color = context => context.tick && context.tick.value === 0 ? ink.zero : ink.grid;
    return {
      type: 'bar',
      data: {
        labels: data.items.map(item => item.name),
        datasets: [
          bar(data.items.map(item => [item.mean - width, item.mean + width]), ink.text, 18),
          bar(data.items.map(item => item.low === null ? null : [item.low, item.high]), palette[0], 8),
        ],
      },
      options: {
        ...common,
        indexAxis: 'y',
        scales: {x, y: {grid: {display: false, borderColor: ink.grid}, ticks: {color: ink.text}}},
        plugins: {
          legend: {display: false},
          tooltip: {
            displayColors: false,
            callbacks: {
              label: item => {
                const one = data.items[item.dataIndex];
                return one.low === null ? `${text(one.mean)} (one seed)`
                                        : `${text(one.mean)} (${text(one.low)} … ${text(one.high)})`;
              },
            },
          },
        },
      },
    };
  }

  const configs = {lines: lineConfig, heat: heatConfig, intervals: intervalConfig};

  /// The colors' range beneath a heat map.
  function addColorBar(figure, data) {
    const scale = colorScale(data), bar = document.createElement('div');
    bar.className = 'colors';
    const low = document.createElement('span'), high = document.createElement('span');
    const ramp = document.createElement('i');
    low.textContent = text(scale.low);
    high.textContent = `${text(scale.high)}  ${data.value.label}${data.value.log ? ' (logarithmic)' : ''}`;
    ramp.style.background = `linear-gradient(to right, ${viridis.map(c => `rgb(${c})`).join(',')})`;
    bar.append(low, ramp, high);
    figure.append(bar);
  }

  function drawOrThrow(figure, scheme) {
    const data = charts[Number(figure.dataset.chart)];
    let box = figure.querySelector('.canvas');
    if (!box) {
      box = document.createElement('div');
      box.className = 'canvas';
      box.append(document.createElement('canvas'));
      figure.append(box);
      if (data.kind === 'heat') addColorBar(figure, data);
      if (data.kind === 'intervals') box.style.height = `${70 + 30 * data.items.length}px`;
      if (data.kind === 'lines' && data.series.length > 8) box.style.height = `${300 + 9 * data.series.length}px`;
    }
    drawn.get(figure)?.destroy();
    drawn.set(figure, new Chart(box.firstChild, configs[data.kind](data, scheme)));
  }

  /// What is wrong with one chart is said in its place, and the others are drawn.
  function draw(figure, scheme) {
    try {
      drawOrThrow(figure, scheme);
    } catch (error) {
      console.error(error);
      figure.querySelector('.canvas')?.remove();
      if (figure.querySelector('.warning')) return;
      const said = document.createElement('p');
      said.className = 'warning';
      said.textContent = `This chart could not be drawn: ${error.message}`;
      figure.append(said);
    }
  }

  const screenScheme = () => darkScheme.matches ? 'dark' : 'light';
  const isFolded = figure => figure.closest('details:not([open])') !== null;

  for (const figure of document.querySelectorAll('figure.chart'))
    if (!isFolded(figure)) draw(figure, screenScheme());
  for (const details of document.querySelectorAll('details'))
    details.addEventListener('toggle', () => {
      for (const figure of details.querySelectorAll('figure.chart'))
        if (!isFolded(figure) && !drawn.has(figure)) draw(figure, screenScheme());
    });
  const redraw = scheme => [...drawn.keys()].forEach(figure => draw(figure, scheme));
  darkScheme.addEventListener('change', () => redraw(screenScheme()));
  // Paper is white.
  addEventListener('beforeprint', () => redraw('light'));
  addEventListener('afterprint', () => redraw(screenScheme()));
})();
