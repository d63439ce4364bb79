import { Registry } from '@prometheus-io/client'
import type { Database } from '../../core/database/open.ts'
import type { BackgroundObserver } from '../background/observer.ts'
import { consumerReader } from '../consumers.ts'
import type { Extension } from '../extension.ts'
import { backgroundMetrics } from './background.ts'
import { bulkMetrics } from './bulk.ts'
import { consumerMetrics } from './consumers.ts'
import { databaseMetrics } from './database.ts'
import { enrollmentMetrics } from './enrollments.ts'
import { processMetrics } from './process.ts'
import { refusalMetrics, type CountRefusal } from './refusals.ts'
import { requestMetrics, type CountRequest } from './requests.ts'
import { sharedStateReader } from './state.ts'

/** What a server counts and measures. Each server has its own, so that several live in one process. */
export interface Metrics extends Disposable {
  /** Where extensions add metrics of their own. */
  readonly registry: Registry
  readonly countRequest: CountRequest
  readonly countRefusal: CountRefusal
  /** Is told of the work in the background. */
  readonly background: BackgroundObserver
}

/** Begins to count and to measure. What belongs to a pool or to the process is looked at when somebody asks for it. */
export function openMetrics(db: Database, extensions: readonly Extension[] = []): Metrics {
  const registry = new Registry()
  const undo = new DisposableStack()
  const countRefusal = refusalMetrics(registry)
  const countRequest = requestMetrics(registry, countRefusal)
  undo.use(enrollmentMetrics(registry, db))
  databaseMetrics(registry, db)
  const background = backgroundMetrics(registry)
  const read = sharedStateReader(db, consumerReader(db, extensions))
  consumerMetrics(registry, read, background.failuresOf)
  bulkMetrics(registry, read)
  undo.use(processMetrics(registry))
  return { registry, countRequest, countRefusal, background, [Symbol.dispose]: () => undo.dispose() }
}
