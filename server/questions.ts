/**
 * Waits for an answer, but not for long.
 *
 * @returns null where it fails or takes longer.
 */
export async function withinTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T | null> {
  const late = Promise.withResolvers<null>()
  const timer = setTimeout(() => late.resolve(null), timeoutMs)
  try {
    return await Promise.race([answer.catch(() => null), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Those who ask while a question is under way share its answer: many probes hold no more than one connection. */
export function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | undefined
  return () => (asking ??= ask().finally(() => (asking = undefined)))
}
