/**
 * Works on what a source gives, several at once, and yields what comes out in the order of the source: a result when the
 * source has given `atOnce` more, or has ended. Work goes on while the caller uses a result.
 *
 * @param work is called in the order of the source.
 * @param atOnce the most of them that run at the same time; one more waits to begin.
 * @throws what the source threw, after the results of all that it gave before; or what `work` threw, in its turn. Nothing
 *   runs any more then.
 */
export async function* pipelined<T, R>(
  source: AsyncGenerator<T, void, void>,
  work: (item: T) => Promise<R>,
  atOnce: number,
): AsyncGenerator<R, void, void> {
  const running: Promise<R>[] = []
  try {
    while (true) {
      const next = await source.next().catch((error: unknown) => ({ done: true, error }) as const)
      if (next.done === true) {
        for (let oldest = running.shift(); oldest !== undefined; oldest = running.shift()) yield await oldest
        if ('error' in next) throw next.error
        return
      }
      const oldest = running.length < atOnce ? undefined : running.shift()
      const finished = oldest && { result: await oldest }
      const started = (async () => work(next.value))()
      // It is awaited in its turn; where the caller stops before, a rejection must not stay unhandled.
      started.catch(() => {})
      running.push(started)
      if (finished) yield finished.result
    }
  } finally {
    await Promise.allSettled(running)
    await source.return()
  }
}
