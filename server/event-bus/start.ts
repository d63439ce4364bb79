import { ConfigError, type Config } from '../config.ts'
import type { Extension } from '../extension.ts'
import { openEventBus, unknownTypes, type EventBus, type EventBusOptions } from './open.ts'

/**
 * Checks what only the extensions can tell of the settings.
 *
 * @throws {ConfigError} for topics of event types that nobody sends or takes in.
 */
export function checkEventBus({ eventBus: config }: Config, extensions: readonly Extension[]): void {
  if (config === undefined) return
  const unknown = unknownTypes(config, ofExtensions(extensions))
  if (unknown.length === 0) return
  throw new ConfigError(
    unknown.map((type) => `EVENT_BUS_TOPICS names '${type}', which is no event type of this service`),
  )
}

/** Opens the event bus of the settings; null: there is none. */
export async function openEventBusOf(
  { eventBus: config }: Config,
  { extensions, ...options }: Pick<EventBusOptions, 'db' | 'log'> & { readonly extensions: readonly Extension[] },
): Promise<EventBus | null> {
  return config === undefined ? null : openEventBus({ ...options, config, extensions: ofExtensions(extensions) })
}

function ofExtensions(extensions: readonly Extension[]) {
  return extensions.flatMap(({ eventBus }) => (eventBus === undefined ? [] : [eventBus]))
}
