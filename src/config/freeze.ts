/** Freezes a value with everything in it: options change nowhere once they are read. */

/** Answers the value itself. Buffers keep their bytes writable: JavaScript cannot freeze those. */
export function deepFreeze<const T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
