// What deploy/kubernetes and deploy/ecs tell their autoscalers, so that a plan is about what they do. The tests hold it
// against the files.

import type { HpaOptions } from './hpa.js';
import type { EcsSettings, HpaTargets } from './scaler.js';

/**
 * Found with this simulator, on days on which a load of 0.25 a second is four times that for a quarter or half of an
 * hour (runs of 6 s, start-up 90 s): docs/planning.md tells what others cost.
 */
export const SHIPPED_TARGETS: Required<HpaTargets> = { demand: 2.5, backlogSeconds: 60, offeredLoad: 0.8 };

export const SHIPPED_BEHAVIOR: Required<NonNullable<HpaOptions['behavior']>> = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
  },
  scaleDown: {
    stabilizationWindowSeconds: 180,
    policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
  },
};

/** Target tracking can't do both, waits of a minute and at most 1.4 times what an oracle pays: docs/planning.md. */
export const SHIPPED_ECS: Required<Omit<EcsSettings, 'minReplicas' | 'maxReplicas'>> = {
  target: 60,
  busyTarget: 0.5,
  scaleOutCooldown: 60,
  scaleInCooldown: 60,
};
