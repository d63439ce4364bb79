import { answerParent } from '../child.ts'
import { openDelayingProxy, type DelayingProxy } from './delaying-proxy.ts'

/** What the process of the proxy is asked: first to open it, then what it has counted. */
export type ProxyQuestion =
  | { readonly ask: 'open'; readonly host: string; readonly port: number; readonly delayMs: number }
  | { readonly ask: 'flushes' }

let proxy: DelayingProxy | undefined

/** Answers the port, or the number of flushes so far. */
answerParent(async (question: ProxyQuestion) => {
  if (question.ask === 'open') {
    proxy = await openDelayingProxy(question, question.delayMs)
    return proxy.port
  }
  return proxy?.flushes() ?? 0
})
