// A link to an entry opens it.
function openEntry() {
  const entry = document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
  if (entry instanceof HTMLDetailsElement) {
    entry.open = true;
    entry.scrollIntoView();
  }
}

window.addEventListener("hashchange", openEntry);
openEntry();
