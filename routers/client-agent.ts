import { Agent, type Dispatcher } from 'undici'

type Handler = Dispatcher.DispatchHandler

/** Options of a request that wants to know when its first byte is written. */
export interface WatchedOptions {
  readonly onSent?: () => void
}

/** An agent that tells a request when it is about to be written. */
export class WatchingAgent extends Agent {
  override dispatch(options: Agent.DispatchOptions & WatchedOptions, handler: Handler): boolean {
    return super.dispatch(options, options.onSent === undefined ? handler : watched(handler, options.onSent))
  }
}

function watched(handler: Handler, onSent: () => void): Handler {
  return {
    onRequestStart(controller, context) {
      onSent()
      handler.onRequestStart?.(controller, context)
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  }
}
