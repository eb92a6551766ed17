/* Who listens: the listener in the address, the last one in this browser, or a new one. */
"use strict";

(() => {
  const { element } = MssPlayer;
  const { button, paragraph } = Listening;

  /**
   * The listener of this page. An address may be copied to others with the listener in it, who
   * are not to become one: it is believed where it was made. In another browser the listener is
   * asked, if the server knows of any ratings.
   */
  Listening.whoListens = async (test) => {
    const { Store } = Listening;
    const named = location.hash.slice(1);
    const isOurs = history.state?.listener === named || Store.knows(test, named);
    if (Store.isListener(named) && (isOurs || (await isElsewhere(test, named)))) return named;
    return Store.last(test) ?? Listening.newListener();
  };

  /** Puts a listener into the address, which is believed when the page is loaded again. */
  Listening.keepInAddress = (listener) =>
    history.replaceState({ listener }, "", `#${listener}`);

  async function isElsewhere(test, listener) {
    if (!window.LISTENING_SERVER) return false;
    const ratings = await Listening.ratingsOf(listener).catch(() => null); // nobody can tell
    return ratings?.length !== 0 && (await ask(test));
  }

  function ask(test) {
    const language = Listening.languageOf();
    const strings = Listening.STRINGS[language];
    document.documentElement.lang = language;
    document.title = test.title;
    const heading = element("h1", { tabIndex: -1 }, strings.welcomeTitle);
    const main = element("main", {}, heading, paragraph(strings.elsewhere));
    document.body.append(main);
    heading.focus();
    return new Promise((resolve) => {
      const answered = (isThem) => {
        main.remove();
        resolve(isThem);
      };
      main.append(
        element(
          "p",
          { className: "buttons" },
          button(strings.elsewhereYes, () => answered(true), "main"),
          button(strings.elsewhereNo, () => answered(false)),
        ),
      );
    });
  }
})();
