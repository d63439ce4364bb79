import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from '@prometheus-io/client'

const PER_SECOND = 1e9

/**
 * Makes the metrics of the process, under the names that those of Node.js have everywhere. Delays and collections are observed
 * from the first question on: a server that nobody asks pays nothing for them.
 */
export function processMetrics(registry: Registry): Disposable {
  const registers = [registry]
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  gauge('process_start_time_seconds', 'When the process began, since 1970', () => performance.timeOrigin / 1_000)
  gauge('process_resident_memory_bytes', 'Memory of the process', () => process.memoryUsage.rss())
  gauge('nodejs_heap_size_used_bytes', 'Objects on the heap', () => process.memoryUsage().heapUsed)
  gauge(
    'nodejs_external_memory_bytes',
    'Buffers and what else is outside of the heap',
    () => process.memoryUsage().external,
  )
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Time of processors',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  const stopDelays = delayMetrics(registry)
  const stopCollections = collectionMetrics(registry)
  return {
    [Symbol.dispose]() {
      stopDelays()
      stopCollections()
    },
  }
}

/** How late the event loop is, since the last question. */
function delayMetrics(registry: Registry): () => void {
  let delays: ReturnType<typeof monitorEventLoopDelay> | undefined
  new Gauge({
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'How late the event loop was in the worst hundredth of the time since the last question',
    registers: [registry],
    collect() {
      const isNew = delays === undefined
      delays ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS })
      if (isNew) delays.enable()
      // What it measures is the interval of a timer, its own length included.
      this.set(Math.max(0, delays.percentile(99) / PER_SECOND - RESOLUTION_MS / 1_000))
      delays.reset()
    },
  })
  return () => void delays?.disable()
}

const RESOLUTION_MS = 10

/** How long the collection of garbage takes. */
function collectionMetrics(registry: Registry): () => void {
  let observer: PerformanceObserver | undefined
  let seconds = 0
  new Counter({
    name: 'nodejs_gc_seconds_total',
    help: 'Time that the collection of garbage took',
    registers: [registry],
    collect() {
      observer ??= observeCollections((duration) => {
        seconds += duration
      })
      this.reset()
      this.inc(seconds)
    },
  })
  return () => observer?.disconnect()
}

function observeCollections(tell: (seconds: number) => void): PerformanceObserver {
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tell(duration / 1_000)
  })
  observer.observe({ entryTypes: ['gc'] })
  return observer
}
