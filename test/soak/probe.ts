import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

// A worker, because the callers keep the main thread busy: asks an address again and again, and tells how long each answer took.

const { url, everyMs } = workerData as { url: string; everyMs: number } // Given by `rehearse`.
let isOver = false
parentPort?.once('message', () => (isOver = true))
while (!isOver) {
  const began = performance.now()
  const ok = await new Promise<boolean>((resolve) => {
    const request = get(url, { agent: false, timeout: 5_000 }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200))
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
  parentPort?.postMessage({ ok, ms: performance.now() - began })
  await sleep(everyMs)
}
parentPort?.close()
