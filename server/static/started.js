// No module: it runs where the modules of the page do not, and says so.

function tooOld() {
  if (!document.body.dataset.started) document.getElementById("too-old").hidden = false;
}

addEventListener("error", tooOld);
addEventListener("load", function () {
  if (!document.body.dataset.running) tooOld();
});
