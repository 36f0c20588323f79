// A classic script, so that it also runs in a browser that cannot run the modules of the page, and says so there.

function tooOld() {
  if (!document.body.dataset.started) document.getElementById("too-old").hidden = false;
}

addEventListener("error", tooOld);
addEventListener("load", function () {
  if (!document.body.dataset.running) tooOld();
});
