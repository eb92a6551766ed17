/* All that the page says, in every language. A new language is one more entry here. */
"use strict";

window.Listening = {};

/** The name of a trial's source in a language; sources that it does not know keep theirs. */
Listening.sourceName = ({ sources }, { source }) =>
  Object.hasOwn(sources, source) ? sources[source] : source;

/** The language of the page: what was chosen, or that of the address, or the browser's. */
Listening.languageOf = (chosen = null) => {
  const wanted = [
    chosen,
    new URLSearchParams(location.search).get("lang"),
    ...navigator.languages.map((tag) => tag.split("-")[0]),
  ];
  return wanted.find((name) => name && Object.hasOwn(Listening.STRINGS, name)) ?? "en";
};

Listening.STRINGS = {
  en: {
    language: "English",
    chooseLanguage: "Language",
    // What a test is about.
    sources: { vocals: "vocals", drums: "drums", bass: "bass", other: "other instruments" },
    mushra: ["Bad", "Poor", "Fair", "Good", "Excellent"],
    mos: ["Bad", "Poor", "Fair", "Good", "Excellent"],
    // Banners.
    simulated:
      "Simulated: this test comes with ratings that a program made up. They say nothing about how people hear.",
    demonstration:
      "Demonstration: a small test from a few seconds of music. Its results say nothing about the systems.",
    // An address with a listener, in another browser.
    elsewhere: "This address belongs to a listener who has used another browser. Is that you?",
    elsewhereYes: "Yes, go on with my ratings",
    elsewhereNo: "No, I am somebody else",
    // Welcome.
    welcomeTitle: "Listening test: separated music",
    welcomeStart:
      "Programs have taken pieces of music apart into their instruments and voices. Please listen to what they made and say how good it is.",
    welcomeMushra:
      "On each page you hear a reference, which is the true recording of the instrument, and several versions marked with letters. Rate each version against the reference from 0 to 100. One of the versions is the reference itself: it deserves 100.",
    welcomeMos:
      "On each page you hear several versions marked with letters. Rate each of them from 1 (bad) to 5 (excellent).",
    welcomeReference:
      "A reference, which is the true recording of the instrument, is there to compare with.",
    welcomeLong:
      "There are {trials} pages to rate, after {training} to practise. Take a break whenever you like: every rating is kept at once, and opening this page again in this browser goes on where you stopped.",
    welcomeQuiet: "Use headphones, in a quiet room.",
    consentTitle: "What is recorded",
    consent:
      "Your ratings with their times, the result of the headphone check, the language, and a random number in place of your name. Nothing else, and no sound. Taking part is voluntary: you may stop at any time by closing the page.",
    consentServer: "The ratings are sent to the computer that showed you this page.",
    consentFile:
      "The ratings stay in this browser. At the end you download them as a file and hand it in.",
    agree: "I agree and want to start",
    // Volume and headphones.
    headphonesTitle: "Volume and headphones",
    volume:
      "Turn the volume down first. Then play the noise and raise the volume until it is as loud as you like to hear music. Please do not change it afterwards.",
    playNoise: "Play the noise",
    stopNoise: "Stop the noise",
    tonesTitle: "Headphone check {number} of {of}",
    tones:
      "Three tones follow one another. Which of them is the softest? The check works only with headphones on both ears.",
    playTones: "Play the three tones",
    tonesFirst: "Play the tones first.",
    softest: "The softest tone was",
    tone: ["the first", "the second", "the third"],
    skip: "Skip the headphone check",
    checkGood: "You had {correct} of {of} right: your headphones work as they should.",
    checkBad:
      "You had {correct} of {of} right. Are you listening through loudspeakers, or is one side of the headphones silent? Please fix that and repeat the check. You may also go on.",
    repeat: "Repeat the check",
    goOn: "Go on",
    // Training and trials.
    trainingTitle: "Practice {number} of {of}: {source}",
    training: "Get to know the sounds and the scale. These ratings do not count.",
    trialTitle: "Page {number} of {of}: {source}",
    askMushra:
      "How good is each version of the {source}, compared with the reference? Distortion, noise, missing parts and sounds of other instruments all count.",
    askMos:
      "How good is each version of the {source}? Distortion, noise, missing parts and sounds of other instruments all count.",
    reference: "Reference",
    referenceIs: "the true {source}",
    stimulus: "Version {letter}",
    rate: "Rating of version {letter}",
    rated: "{rating}, {word}",
    unrated: "not rated yet",
    left: { hear: "Still to be heard: {names}.", rate: "Still to be rated: {names}." },
    complete: "All heard and rated.",
    back: "Back",
    next: "Next",
    finish: "Finish",
    progress: "Page {number} of {of}",
    loading: "Loading the sounds …",
    loadFailed: "The sounds of this page could not be loaded ({what}). Your ratings are safe.",
    again: "Try again",
    // End.
    endTitle: "Thank you!",
    endFile: "Please download your ratings and hand the file in.",
    endServer: "All your ratings have arrived. You may close this page.",
    endUnsent:
      "Not all ratings have arrived yet. Please leave this page open, or download them and hand the file in.",
    look: "Look at the pages again",
    // Ratings.
    ratings: "Your ratings",
    downloadJson: "Download as JSON",
    downloadCsv: "Download as CSV",
    saved: "Ratings saved in this browser: {count}.",
    sent: "Ratings sent and saved: {count}.",
    listener: "Listener {listener}",
    newListener: "Start as another listener",
    unsent: "Ratings not yet sent: {count}. They are sent again by themselves; you can go on.",
    refused:
      "The server refuses the ratings: {why}. Please tell those who run the test, and download your ratings.",
    storageFull:
      "This browser's storage is full: your ratings are not saved. Keep this page open until the end and download your ratings.",
    storageDenied:
      "This browser does not allow ratings to be saved. Keep this page open until the end and download your ratings.",
    missing: "This folder has no test: the file test.js is missing or damaged.",
    player: {},
  },
  ko: {
    language: "한국어",
    chooseLanguage: "언어",
    sources: { vocals: "보컬", drums: "드럼", bass: "베이스", other: "그 밖의 악기" },
    mushra: ["매우 나쁨", "나쁨", "보통", "좋음", "매우 좋음"],
    mos: ["매우 나쁨", "나쁨", "보통", "좋음", "매우 좋음"],
    simulated:
      "모의 자료: 이 시험의 평가는 프로그램이 만들어 낸 것입니다. 사람이 어떻게 듣는지는 알려 주지 않습니다.",
    demonstration:
      "시연: 몇 초 길이의 음악으로 만든 작은 시험입니다. 결과로 시스템을 평가할 수 없습니다.",
    elsewhere: "이 주소는 다른 브라우저를 사용한 참여자의 것입니다. 본인입니까?",
    elsewhereYes: "예, 제 평가를 이어서 합니다",
    elsewhereNo: "아니요, 다른 사람입니다",
    welcomeTitle: "음원 분리 청취 시험",
    welcomeStart:
      "프로그램이 음악을 악기와 목소리로 분리했습니다. 분리된 소리를 듣고 얼마나 좋은지 평가해 주세요.",
    welcomeMushra:
      "각 페이지에는 기준음과, 알파벳으로 표시된 여러 버전이 있습니다. 기준음은 해당 악기의 실제 녹음입니다. 각 버전을 기준음과 비교하여 0에서 100까지 점수를 주세요. 버전 가운데 하나는 기준음과 같은 소리이며, 그 점수는 100이어야 합니다.",
    welcomeMos:
      "각 페이지에는 알파벳으로 표시된 여러 버전이 있습니다. 각 버전에 1(매우 나쁨)에서 5(매우 좋음)까지 점수를 주세요.",
    welcomeReference: "비교할 수 있도록 해당 악기의 실제 녹음인 기준음도 있습니다.",
    welcomeLong:
      "연습 {training}페이지 다음에 평가할 {trials}페이지가 있습니다. 언제든지 쉬어도 됩니다. 평가는 그때그때 저장되며, 이 브라우저에서 이 페이지를 다시 열면 멈춘 곳에서 이어집니다.",
    welcomeQuiet: "조용한 곳에서 헤드폰을 사용해 주세요.",
    consentTitle: "기록되는 내용",
    consent:
      "평가 점수와 그 시각, 헤드폰 확인 결과, 언어, 그리고 이름 대신 쓰는 임의의 번호가 기록됩니다. 그 밖의 정보나 소리는 기록되지 않습니다. 참여는 자발적이며, 언제든지 페이지를 닫아 그만둘 수 있습니다.",
    consentServer: "평가는 이 페이지를 보여 준 컴퓨터로 전송됩니다.",
    consentFile: "평가는 이 브라우저에만 저장됩니다. 마지막에 파일로 내려받아 제출해 주세요.",
    agree: "동의하고 시작합니다",
    headphonesTitle: "음량과 헤드폰",
    volume:
      "먼저 음량을 낮추세요. 그다음 잡음을 재생하고 음악을 듣기에 알맞은 크기까지 올린 뒤, 시험이 끝날 때까지 바꾸지 마세요.",
    playNoise: "잡음 재생",
    stopNoise: "잡음 정지",
    tonesTitle: "헤드폰 확인 {of}번 중 {number}번째",
    tones:
      "세 소리가 차례로 나옵니다. 어느 소리가 가장 작습니까? 양쪽 귀에 헤드폰을 써야만 확인할 수 있습니다.",
    playTones: "세 소리 재생",
    tonesFirst: "먼저 소리를 재생하세요.",
    softest: "가장 작은 소리",
    tone: ["첫 번째", "두 번째", "세 번째"],
    skip: "헤드폰 확인 건너뛰기",
    checkGood: "{of}번 중 {correct}번 맞혔습니다. 헤드폰이 제대로 작동합니다.",
    checkBad:
      "{of}번 중 {correct}번 맞혔습니다. 스피커로 듣고 있거나 헤드폰 한쪽이 들리지 않습니까? 바로잡은 다음 다시 확인해 주세요. 그대로 계속할 수도 있습니다.",
    repeat: "다시 확인",
    goOn: "계속",
    trainingTitle: "연습 {of}페이지 중 {number}페이지: {source}",
    training: "소리와 척도를 익히는 연습입니다. 이 평가는 결과에 들어가지 않습니다.",
    trialTitle: "{of}페이지 중 {number}페이지: {source}",
    askMushra:
      "기준음과 비교할 때 각 버전({source})은 얼마나 좋습니까? 왜곡, 잡음, 빠진 부분, 다른 악기 소리를 모두 고려해 주세요.",
    askMos:
      "각 버전({source})은 얼마나 좋습니까? 왜곡, 잡음, 빠진 부분, 다른 악기 소리를 모두 고려해 주세요.",
    reference: "기준음",
    referenceIs: "실제 녹음: {source}",
    stimulus: "버전 {letter}",
    rate: "버전 {letter} 점수",
    rated: "{rating}점, {word}",
    unrated: "아직 평가하지 않음",
    left: { hear: "아직 듣지 않음: {names}.", rate: "아직 평가하지 않음: {names}." },
    complete: "모두 듣고 평가했습니다.",
    back: "이전",
    next: "다음",
    finish: "마침",
    progress: "{of}페이지 중 {number}페이지",
    loading: "소리를 불러오는 중 …",
    loadFailed: "이 페이지의 소리를 불러오지 못했습니다({what}). 평가는 그대로 남아 있습니다.",
    again: "다시 시도",
    endTitle: "감사합니다!",
    endFile: "평가를 내려받아 파일을 제출해 주세요.",
    endServer: "모든 평가가 전송되었습니다. 이 페이지를 닫아도 됩니다.",
    endUnsent:
      "아직 전송되지 않은 평가가 있습니다. 페이지를 열어 두거나, 평가를 내려받아 제출해 주세요.",
    look: "페이지 다시 보기",
    ratings: "내 평가",
    downloadJson: "JSON으로 내려받기",
    downloadCsv: "CSV로 내려받기",
    saved: "이 브라우저에 저장된 평가: {count}개.",
    sent: "전송되고 저장된 평가: {count}개.",
    listener: "참여자 {listener}",
    newListener: "다른 참여자로 시작",
    unsent: "아직 전송되지 않은 평가: {count}개. 자동으로 다시 전송되므로 계속 진행해도 됩니다.",
    refused: "서버가 평가를 거부했습니다: {why}. 시험 담당자에게 알리고 평가를 내려받아 주세요.",
    storageFull:
      "브라우저의 저장 공간이 가득 차서 평가가 저장되지 않습니다. 끝날 때까지 이 페이지를 닫지 말고 평가를 내려받아 주세요.",
    storageDenied:
      "이 브라우저에서는 평가를 저장할 수 없습니다. 끝날 때까지 이 페이지를 닫지 말고 평가를 내려받아 주세요.",
    missing: "이 폴더에 시험이 없습니다. test.js 파일이 없거나 손상되었습니다.",
    player: {
      play: "재생",
      pause: "일시 정지",
      playing: "재생 중",
      paused: "멈춤",
      position: "재생 위치",
      seconds: "{all}초 중 {at}초",
      unit: "초",
      stimuli: "들을 소리",
      loop: "반복",
      loopStart: "여기부터",
      loopEnd: "여기까지",
      loopAll: "전체",
      loopPart: "{start}초부터 {end}초까지 반복",
      blocked:
        "브라우저가 아직 소리를 내지 않습니다. 버튼을 누르세요. 그래도 들리지 않으면 소리 장치가 연결되어 있고 다른 곳에서 쓰고 있지 않은지 확인하세요.",
      allow: "소리 허용",
      keys: "단축키",
      keysOn: "단축키 사용",
      keysHelp: [
        ["P, Space", "재생 또는 멈춤 (Space: 버튼에 초점이 없을 때)"],
        ["← →", "1초 뒤로 또는 앞으로 (슬라이더나 선택 항목에 초점이 없을 때)"],
        ["L", "반복 켜기 또는 끄기"],
        ["I, O", "반복 구간의 시작과 끝을 여기로"],
      ],
      keysStimuli: "들을 소리 고르기",
    },
  },
};
