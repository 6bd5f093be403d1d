// Fetches the part that changes again and again, while somebody looks at it. All works without.
"use strict";

const EVERY_MS = 5000;
const live = document.getElementById("live");
const pause = document.getElementById("pause");
let paused = false;

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
});

// Whoever is about to follow a link, marks text or has scrolled a table keeps where he is.
function isBusy() {
  return live.contains(document.activeElement) || !document.getSelection().isCollapsed;
}

async function update() {
  if (paused || document.hidden || isBusy()) return;
  try {
    const answer = await fetch("/live", { signal: AbortSignal.timeout(EVERY_MS * 3) });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (isBusy()) return;
    const scrolled = [...live.querySelectorAll(".wide")].map((one) => [one.getAttribute("aria-labelledby"), one.scrollLeft]);
    live.innerHTML = text;
    for (const [name, left] of scrolled) {
      const again = live.querySelector(`[aria-labelledby="${name}"].wide`);
      if (again) again.scrollLeft = left;
    }
  } catch {
    const verdict = live.querySelector(".verdict");
    if (verdict) {
      verdict.className = "verdict bad";
      verdict.textContent = "The host does not answer; what stands below is old.";
    }
  }
}

async function run() {
  await update();
  setTimeout(run, EVERY_MS);
}
setTimeout(run, EVERY_MS);
