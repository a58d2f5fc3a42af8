// Columns of numbers that were packed as base64 of little-endian arrays.

const ARRAYS = { u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

/** Bytes of a base64 text. */
function bytesOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Typed array of {type, data}. */
function unpack(column) {
  return new ARRAYS[column.type](bytesOf(column.data).buffer);
}

/** All columns of a table. */
function unpackAll(table) {
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, unpack(column)]));
}
