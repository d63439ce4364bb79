import type { CallMetadata } from '../../../core/enrollment/command.ts'
import { actorOf } from '../auth/rights.ts'
import type { ViewRequest } from '../django/view.ts'

/** What the changes of a request are stamped with. */
export function metadataOf({
  rights,
  now,
  requestId,
}: Pick<ViewRequest, 'rights' | 'now' | 'requestId'>): CallMetadata {
  return { actor: actorOf(rights), via: 'rest', now, requestId }
}
