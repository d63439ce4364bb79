import { bulkOperations } from './bulk.ts'
import { courseOperations } from './course.ts'
import { enrollmentOperations } from './enrollment.ts'
import { eventsOperations } from './events.ts'
import { webhooksOperations } from './webhooks.ts'

/** Every procedure of the typed API, by group and name (rpc §3). The in-process caller and the router are derived from it. */
export const operations = {
  enrollment: enrollmentOperations,
  course: courseOperations,
  events: eventsOperations,
  webhooks: webhooksOperations,
  bulk: bulkOperations,
}
