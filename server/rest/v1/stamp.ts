import type { Stamp } from '../../../core/enrollment/command.ts'
import { actorOf } from './rights.ts'
import type { ViewRequest } from './view.ts'

/** What the changes of a request are stamped with. */
export function stampOf({ rights, now, requestId }: Pick<ViewRequest, 'rights' | 'now' | 'requestId'>): Stamp {
  return { actor: actorOf(rights), via: 'rest', now, requestId }
}
