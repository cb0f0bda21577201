// What everybody may know of the hall: asked once, kept while the page lives.
import { shallowRef } from 'vue';

import { type Hall, hall as askHall } from '../api';
import { named } from '../shared/catalog';
import { call } from '../shared/hall';

export const hall = shallowRef<Hall>();

let asked: Promise<void> | undefined;

// learn asks the hall about itself, unless that is known. Pages do without if
// there is no answer.
export function learn(): Promise<void> {
  asked ??= call(askHall()).then(
    (h) => {
      hall.value = h;
    },
    () => {
      asked = undefined;
    },
  );
  return asked;
}

// projectName is a project's name in the language spoken; its code if it is
// not known.
export function projectName(code: string): string {
  return named(hall.value?.projects.find((p) => p.code === code) ?? { code, names: {} });
}
