import { farMeasures } from './far.ts'
import type { Measure } from './measure.ts'
import { mixedMeasures } from './mixed.ts'
import { nearMeasures } from './near.ts'
import type { Rig } from './rig.ts'

/** All measures, in the order in which each round runs them. */
export function allMeasures(rig: Rig): Measure[] {
  return [...nearMeasures(rig), ...mixedMeasures(rig), ...farMeasures(rig)]
}
