import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import type { Registry } from '@prometheus-io/client'
import { addCounter, addGauge } from './sampled.ts'

/**
 * Makes the metrics of the process, under the names that those of Node.js have everywhere. Delays and collections are observed
 * from the first question on, and no longer than the server lives: a server that nobody asks pays nothing for them. (Those that the
 * library makes are observed for ever.)
 */
export function processMetrics(registry: Registry): Disposable {
  addGauge(registry, {
    name: 'process_start_time_seconds',
    help: 'When the process began, since 1970',
    samples: () => [[performance.timeOrigin / 1_000]],
  })
  addGauge(registry, {
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process',
    samples: () => [[process.memoryUsage.rss()]],
  })
  addGauge(registry, {
    name: 'nodejs_heap_size_used_bytes',
    help: 'Objects on the heap',
    samples: () => [[process.memoryUsage().heapUsed]],
  })
  addGauge(registry, {
    name: 'nodejs_external_memory_bytes',
    help: 'Buffers and what else is outside of the heap',
    samples: () => [[process.memoryUsage().external]],
  })
  addCounter(registry, {
    name: 'process_cpu_seconds_total',
    help: 'Time of processors',
    samples() {
      const { user, system } = process.cpuUsage()
      return [[(user + system) / 1e6]]
    },
  })
  const undo = new DisposableStack()
  undo.defer(delayMetrics(registry))
  undo.defer(collectionMetrics(registry))
  return undo
}

/** How late the event loop is. */
function delayMetrics(registry: Registry): () => void {
  let delays: ReturnType<typeof monitorEventLoopDelay> | undefined
  addGauge(registry, {
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'How late the event loop was in the worst hundredth of the time since the last question',
    samples() {
      delays ??= startDelays()
      // What it measures is the interval of a timer, its own length included.
      const seconds = Math.max(0, delays.percentile(99) / 1e9 - RESOLUTION_MS / 1_000)
      delays.reset()
      return [[seconds]]
    },
  })
  return () => void delays?.disable()
}

const RESOLUTION_MS = 10

function startDelays(): ReturnType<typeof monitorEventLoopDelay> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  return delays
}

/** How long the collection of garbage takes. */
function collectionMetrics(registry: Registry): () => void {
  let observer: PerformanceObserver | undefined
  let seconds = 0
  const add = (duration: number) => {
    seconds += duration
  }
  addCounter(registry, {
    name: 'nodejs_gc_seconds_total',
    help: 'Time that the collection of garbage took',
    samples() {
      observer ??= observeCollections(add)
      return [[seconds]]
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
