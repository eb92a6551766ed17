/* Orders that look random and are the same again for the same words. */
"use strict";

/** Numbers in [0, 1) that depend on a text alone: sfc32, seeded by four FNV-1a hashes. */
Listening.generator = (text) => {
  const hash = (start) =>
    [...text].reduce((state, letter) => Math.imul(state ^ letter.codePointAt(0), 16777619), start);
  let [a, b, c, d] = [2166136261, 374761393, 3266489917, 668265263].map((start) => hash(start) | 0);
  const next = () => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 15; round += 1) next();
  return next;
};

/** The list in an order drawn (Fisher and Yates) from words such as a seed and a listener. */
Listening.shuffled = (list, ...words) => {
  const random = Listening.generator(words.join("|"));
  const order = [...list];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
};

/** A listener's name: 32 hexadecimal digits from the browser's source of chance. */
Listening.newListener = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
