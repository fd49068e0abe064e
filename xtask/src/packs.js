// A pack holds all the chunks of a page: one request, and what they have in common is compressed once.
const packs = new Map();
let asked;
// Chunks are asked for at once and in one go when a pack is loaded, so this tells which pack they are to come from.
function from(name, load) {
    const call = wrapAsyncCb(load);
    return (index, data) => {
        asked = name;
        return call(index, data).finally(() => packs.delete(name));
    };
}
function open(name) {
    if (!packs.has(name)) packs.set(name, fetchPack(name));
    return packs.get(name);
}
async function fetchPack(name) {
    const response = await fetch(new URL(`./pack.${name}`, import.meta.url));
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
    const bytes = await response.arrayBuffer();
    const size = new DataView(bytes).getUint32(0, true);
    return { bytes, start: 4 + size, index: JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, size))) };
}
async function part(chunk) {
    const { bytes, start, index } = await open(asked);
    const [at, length] = index[chunk];
    return new Uint8Array(bytes, start + at, length);
}
