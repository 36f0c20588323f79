// Whether the browser denies access to the local network. A blocked request fails like one to a server that is away.

const NAMES = ["local-network-access", "local-network", "loopback-network"]; // it depends on the version of the browser

/** @returns {Promise<boolean>} false also where the browser does not tell */
export async function networkBlocked() {
  for (const name of NAMES) {
    const asked = await navigator.permissions?.query({ name }).catch(() => null);
    if (asked?.state === "denied") return true;
  }
  return false;
}
