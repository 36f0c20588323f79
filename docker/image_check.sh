#!/bin/sh
# Builds docker/Dockerfile.cpu and starts the image, without a Docker daemon and without a registry of images: `make image-check`.
#
# The base, which the Dockerfile takes from a registry, is made of Debian's packages by debootstrap, and buildah builds in
# a chroot. Needs root, Debian's buildah and debootstrap, and a package index. Takes minutes and 6 GB under TMPDIR.
#
# Settings of pip (PIP_*, /etc/pip.conf), certificates and a folder of wheels (PIP_FIND_LINKS) are handed into the build.
set -eu
cd "$(dirname "$0")/.."
WORK=$(mktemp -d)
SUITE=${SUITE:-bookworm}
BASE=localhost/drtranscribe-base
IMAGE=localhost/drtranscribe-check
buildah() { command buildah --storage-driver vfs --root "$WORK/storage" --runroot "$WORK/run" "$@"; }
step() { echo "$1 (after $(($(date +%s) - BEGAN)) s)"; }
BEGAN=$(date +%s)
cleanup() {
    [ -s "$WORK/pid/server" ] && kill "$(cat "$WORK/pid/server")" 2>/dev/null || true
    for container in $(buildah containers --quiet 2>/dev/null); do buildah rm "$container" >/dev/null; done
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

step "1. a base of Debian $SUITE with Python"
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python3-dev,gcc,libc6-dev \
    "$SUITE" "$WORK/base" >"$WORK/debootstrap.log" || { tail -n 20 "$WORK/debootstrap.log"; exit 1; }
ln -s /usr/bin/python3 "$WORK/base/usr/local/bin/python"
container=$(buildah from scratch)
buildah copy --quiet "$container" "$WORK/base" / >/dev/null
buildah commit --quiet "$container" "$BASE" >/dev/null
buildah rm "$container" >/dev/null
rm -rf "$WORK/base"

step "2. the image"
set --
for file in /etc/pip.conf /etc/xdg/pip /etc/ssl/certs; do
    [ -e "$file" ] && set -- "$@" --volume "$file:$file:ro"
done
for folder in ${PIP_FIND_LINKS:-} ${IMAGE_CHECK_FOLDERS:-}; do
    [ -d "$folder" ] && set -- "$@" --volume "$folder:$folder:ro"
done
for variable in $(env | sed -n 's/^\(PIP_[A-Z_]*\)=.*/\1/p'); do set -- "$@" --env "$variable"; done
# Where PyTorch's own index is out of reach, pip would ask it five times for each package, and wait after each time.
torch_index=$(sed -n 's/^ARG TORCH_INDEX_URL=//p' docker/Dockerfile.cpu)
curl --silent --head --max-time 10 --output /dev/null "$torch_index" ||
    set -- "$@" --build-arg TORCH_INDEX_URL=file:///unreachable
buildah bud --isolation chroot --network host --pull-never --layers=false --format docker --quiet \
    --build-arg PYTHON_IMAGE="$BASE" "$@" --file docker/Dockerfile.cpu --tag "$IMAGE" . \
    >"$WORK/build.log" 2>&1 || { tail -n 40 "$WORK/build.log"; exit 1; }

step "3. its user, its health check and its size"
buildah inspect --type image --format '{{.Docker.Config.User}} {{.Docker.Config.Healthcheck.Test}} {{.Docker.Config.ExposedPorts}}' "$IMAGE"
test "$(buildah inspect --type image --format '{{.Docker.Config.User}}' "$IMAGE")" = 10001:10001

step "4. it serves, as a user without rights"
container=$(buildah from --pull-never "$IMAGE")
PORT=${PORT:-8799}
mkdir "$WORK/pid"
chmod 777 "$WORK/pid"
buildah run --isolation chroot --network host --volume "$WORK/pid:/pid" --env DRTRANSCRIBE_HOST=127.0.0.1 --env "DRTRANSCRIBE_PORT=$PORT" \
    --env DRTRANSCRIBE_METRICS_HOST=127.0.0.1 --env "DRTRANSCRIBE_METRICS_PORT=$((PORT + 1))" \
    --env DRTRANSCRIBE_MODEL=tiny.en "$container" -- sh -c 'echo $$ >/pid/server; exec "$@"' sh drtranscribe serve \
    >"$WORK/serve.log" 2>&1 &
server=$!
tries=0
until [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/health/ready")" = 200 ]; do
    tries=$((tries + 1))
    # Ten minutes, because a real vLLM may keep both processors busy meanwhile.
    if [ $tries -gt 1200 ] || ! kill -0 $server 2>/dev/null; then
        cat "$WORK/serve.log"
        echo "the server was not ready after $tries tries"
        exit 1
    fi
    sleep 0.5
done
curl -s "http://127.0.0.1:$((PORT + 1))/health/ready"
echo
curl -s "http://127.0.0.1:$((PORT + 1))/metrics" | grep '^drtranscribe_capacity'
.venv/bin/python - "ws://127.0.0.1:$PORT/ws" <<'CLIENT'
import asyncio
import sys
from pathlib import Path

from drtranscribe import Consultation
from server.cli.audiofile import read_chunks


async def main() -> None:
    async with Consultation.connect(sys.argv[1]) as consultation:
        for chunk in read_chunks(Path("tests/data/sentence.flac"), 1, 3.0):
            await consultation.send(chunk)
        await consultation.stop()
        texts = [e["segment"]["text"] async for e in consultation if e["type"] == "transcript" and e["segment"]["final"]]
    print("heard:", " ".join(texts))
    assert texts


asyncio.run(main())
CLIENT
pid=$(cat "$WORK/pid/server")
grep '^Uid:.10001' "/proc/$pid/status" # as the image says, and with no other rights
kill -TERM "$pid"
wait $server
step "the image builds, serves without rights and drains"
