// What the extension says in German: see en.js, which has the same names.

const seconds = (number) => `${number.toLocaleString("de")} Sekunde${number === 1 ? "" : "n"}`;

export default {
  // The side panel
  dual: "Videosprechstunde: mein Mikrofon, und die Patientin oder der Patient im vorderen Tab",
  ambient: "Im Raum: Mein Mikrofon hört alle",
  settings: "Einstellungen",
  findingsEmpty: "Hier erscheinen Befunde, jeder mit den Worten, die ihn belegen.",
  noteEmpty: "Hier entsteht die Notiz aus den Befunden.",
  noteHint: "Klicken Sie in ein Feld der Akte und drücken Sie dann „Einfügen“. Gespeichert wird nichts: Lesen Sie den Text und speichern Sie ihn selbst.",
  put: "Einfügen",
  putAll: (title) => `${title} einfügen`,
  you: "Sie",
  room: "Raum",
  againSure: "Dieses Gespräch hier verwerfen? Auf dem Server bleibt seine Aufzeichnung, solange der Betreiber Aufzeichnungen aufbewahrt.",
  title: (sign) =>
    ({
      listening: "drTranscribe: hört zu",
      paused: "drTranscribe: Pause",
      checking: "drTranscribe: Die Notiz wird geprüft",
      wrong: "drTranscribe: Etwas stimmt nicht. Öffnen Sie die Seitenleiste, um zu sehen, was.",
    })[sign] ?? "drTranscribe",
  justification: "Um das Gespräch über das Mikrofon und den Tab zu hören und an den Server der Einrichtung zu senden.",

  // What goes wrong
  internal: "In der Erweiterung ist ein Fehler aufgetreten. Schließen Sie diese Seitenleiste, öffnen Sie sie wieder und versuchen Sie es noch einmal.",
  alreadyRunning: "Es läuft schon ein Gespräch. Beenden Sie es, bevor Sie ein neues beginnen.",
  tabNotGranted:
    "Chrome lässt drTranscribe diesen Tab noch nicht hören. Holen Sie den Tab mit der Videosprechstunde nach vorn, drücken Sie einmal auf das Symbol von drTranscribe in der Symbolleiste und dann auf „Beginnen“. Seiten von Chrome selbst lassen sich nicht hören.",
  tabCaptured: "Dieser Tab wird schon aufgenommen. Beenden Sie die andere Aufnahme, oder laden Sie den Tab neu, und drücken Sie dann „Beginnen“.",
  microphoneDenied:
    "Chrome darf das Mikrofon nicht benutzen. Drücken Sie „Zulassen“ in dem Tab, der sich geöffnet hat. Erscheint dort keine Frage, drücken Sie auf das Symbol links in der Adresszeile und erlauben Sie das Mikrofon. Drücken Sie dann wieder „Beginnen“.",
  microphoneAsk: "Chrome muss zuerst nach dem Mikrofon fragen. Drücken Sie „Zulassen“ in dem Tab, der sich geöffnet hat, und dann hier „Beginnen“.",
  troubles: {
    microphone: {
      ambient: "Das Mikrofon wurde getrennt oder von einem anderen Programm belegt. Was bisher gesagt wurde, ist gesichert. Schließen Sie es an und drücken Sie „Fortsetzen“.",
      dual: "Das Mikrofon wurde getrennt oder von einem anderen Programm belegt: Sie sind nicht zu hören. Die Patientin oder der Patient ist noch zu hören. Schließen Sie es wieder an.",
    },
    microphone_silent: "Von Ihrem Mikrofon kommt kein Ton. Ist es stumm, oder ist ein anderes gemeint? In den Einstellungen können Sie es wählen.",
    microphone_muted: "Ihr Mikrofon ist am Computer oder mit einem Schalter stumm geschaltet: Sie sind nicht zu hören, bis es wieder eingeschaltet ist.",
    stalled: "Es kommt kein Ton mehr an, und nichts wird aufgenommen. Prüfen Sie das Mikrofon; bleibt es so, drücken Sie „Pause“ und dann „Fortsetzen“.",
    tab: "Der Tab mit der Videosprechstunde wurde geschlossen oder zeigt eine andere Seite: Die Patientin oder der Patient ist nicht mehr zu hören. Ihr Mikrofon ist noch zu hören. Beenden Sie dieses Gespräch, und beginnen Sie im Tab mit der Videosprechstunde ein neues.",
    tab_silent: "Aus dem Tab kommt kein Ton. Läuft die Videosprechstunde in diesem Tab, hat sie begonnen, und ist das Mikrofon der anderen Seite an?",
    suspended: "Der Computer hat den Ton angehalten. Drücken Sie „Pause“ und dann „Fortsetzen“.",
  },
  retryMicrophone: "Mikrofon noch einmal versuchen",

  // Servers
  noAddress: "Es ist kein Server eingestellt. Geben Sie in den Einstellungen die Adresse ein, die Sie von Ihrer IT-Abteilung haben.",
  badAddress: (typed) => `„${typed}“ ist keine Adresse. Geben Sie eine wie https://scribe.example/ ein`,
  plainAddress: (typed) => `„${typed}“ ist nicht verschlüsselt. Geben Sie eine Adresse ein, die mit https:// beginnt`,
  unreached: (host) => `${host} antwortet nicht. Prüfen Sie, ob dieser Computer im Netz der Einrichtung ist und ob die Adresse in den Einstellungen stimmt.`,
  networkBlocked:
    "Chrome sperrt das Netz der Einrichtung für drTranscribe. Drücken Sie im Tab der Einstellungen auf das Symbol links in der Adresszeile, erlauben Sie den Zugriff auf das lokale Netzwerk und versuchen Sie es wieder. Lässt es sich dort nicht ändern, fragen Sie Ihre IT-Abteilung.",
  notAServer: (host) => `${host} antwortet, aber nicht als Server von drTranscribe. Prüfen Sie die Adresse in den Einstellungen.`,
  extensionUnknown: (host, origin) =>
    `${host} kennt diese Erweiterung noch nicht. Bitten Sie den Betreiber des Servers, ${origin} bei --allowed-origins einzutragen.`,
  hostUnknown: (host) => `Der Server kennt sich nicht unter dem Namen ${host}. Bitten Sie seinen Betreiber, ihn bei --allowed-hosts einzutragen.`,
  closed: {
    1001: "Der Server wird heruntergefahren. Kopieren Sie, was Sie von hier brauchen, und beginnen Sie neu, wenn er wieder da ist.",
    1006: "Der Server antwortet nicht mehr. Prüfen Sie das Netz dieses Computers. Was bis dahin gesendet wurde, bleibt auf dem Server.",
    1008: "Der Server hat die Erweiterung nicht verstanden. Bitten Sie Ihre IT-Abteilung, beide auf die gleiche Version zu bringen.",
    1009: "Der Server nimmt nur kürzere Tonabschnitte an. Wählen Sie in den Einstellungen eine kürzere Zeit und beginnen Sie neu.",
    4401: "Der Server weiß nicht mehr, wer Sie sind. Prüfen Sie den Schlüssel in den Einstellungen.",
    4404: "Der Server hat dieses Gespräch nicht mehr, es kann nicht weitergehen. Kopieren Sie, was Sie von hier brauchen, und beginnen Sie ein neues.",
    4408: "Das Gespräch endete, weil lange nichts zu hören war.",
  },
  closedOtherwise: "Die Verbindung endete unerwartet. Kopieren Sie, was Sie von hier brauchen, und beginnen Sie ein neues Gespräch.",
  stopped: {
    idle: "Vom Server beendet: Lange war nichts zu hören",
    limit: "Vom Server beendet: Die längste erlaubte Dauer ist erreicht",
    shutdown: "Vom Server beendet: Er wird heruntergefahren",
    connection_lost: "Abgebrochen",
  },
  unknownAddress: (host) => `Der Server nennt ${host}; diese Adresse steht nicht in den Einstellungen. Fragen Sie Ihre IT-Abteilung, ob sie dorthin gehört.`,
  keyMissing: "Dieser Server verlangt einen Schlüssel. Geben Sie in den Einstellungen den ein, den Sie vom Betreiber haben.",
  keyRefused: "Der Server nimmt diesen Schlüssel nicht an: Er ist falsch eingegeben, abgelaufen oder widerrufen. Bitten Sie den Betreiber um einen neuen und geben Sie ihn in den Einstellungen ein.",
  keyOfOther: "Der Server gibt dieses Gespräch mit diesem Schlüssel nicht heraus: Es gehört einem anderen Inhaber. Geben Sie in den Einstellungen einen Schlüssel des Inhabers ein, der es begonnen hat.",
  keyAwaited: (time) => `Das Gespräch ist nicht beendet: Was hier steht, bleibt stehen, und der Ton bleibt erhalten. Bis ${time} geht es mit einem Schlüssel desselben Inhabers von selbst weiter.`,
  keyMayNot: "Mit diesem Schlüssel lässt sich lesen, aber nichts aufnehmen. Bitten Sie den Betreiber des Servers um einen mit der Berechtigung speak.",
  signOn: "An diesem Server melden sich alle über die Anmeldung des Hauses an; eine Erweiterung kann das nicht. Bitten Sie den Betreiber um einen Schlüssel und geben Sie ihn in den Einstellungen ein.",
  tooOften: (wait_s) => `Der Server nimmt mit diesem Schlüssel gerade keine Verbindung mehr an. Versuchen Sie es in ${seconds(Math.ceil(wait_s ?? 60))} wieder.`,

  // Putting the note into the record
  placed: (title) => `${title}: eingefügt und unverändert zurückgelesen. Gespeichert ist noch nichts.`,
  refusals: {
    no_caret: "In der vorderen Seite steht die Einfügemarke in keinem Feld. Klicken Sie in das Feld der Akte, in das dieser Text gehört, und drücken Sie wieder „Einfügen“.",
    kind: "Dieses Feld nimmt keinen Fließtext. Klicken Sie in ein Textfeld und drücken Sie wieder „Einfügen“.",
    read_only: "Dieses Feld ist in der Akte gesperrt. Entsperren Sie es dort, oder wählen Sie ein anderes. Es wurde nichts eingefügt.",
    too_long: ({ most }) => `Dieses Feld fasst höchstens ${most} Zeichen, der Text wäre länger. Fügen Sie einzelne Teile ein, oder wählen Sie ein anderes Feld. Es wurde nichts eingefügt.`,
    kept: "Die Akte hat den Text nicht angenommen: Das Feld ist, wie es war. Geben Sie ihn dort selbst ein, oder wählen Sie ein anderes Feld.",
    changed: "Die Akte hat den eingefügten Text verändert. Vergleichen Sie das Feld mit der Notiz, und berichtigen Sie es vor dem Speichern.",
    replaced: "Die Akte hat ihre Seite neu aufgebaut, während der Text eingefügt wurde. Sehen Sie nach, ob er da ist, bevor Sie es wieder versuchen.",
    foreign: ({ origin }) => `Dieses Feld gehört zu ${origin}, einer Seite innerhalb der Akte. Erlauben Sie drTranscribe, dort zu schreiben, und drücken Sie wieder „Einfügen“.`,
  },
  notInvited:
    "Chrome lässt drTranscribe in diese Seite noch nicht schreiben. Holen Sie die Akte nach vorn, drücken Sie einmal auf das Symbol von drTranscribe in der Symbolleiste, klicken Sie in das Feld und drücken Sie wieder „Einfügen“. In Seiten von Chrome selbst lässt sich nicht schreiben.",
  allowFrame: "Diese Seite erlauben",
  frameRefused: "Nicht erlaubt. In dieses Feld lässt sich die Notiz nicht einfügen; kopieren Sie sie von hier.",

  // The tab that asks for the microphone
  microphoneTab: "drTranscribe: Mikrofon",
  microphoneTitle: "Das Mikrofon",
  microphoneWhy: "drTranscribe hört Sie über das Mikrofon, solange ein Gespräch läuft, und sonst nie. Chrome fragt einmal.",
  microphoneAllow: "Mikrofon erlauben",
  microphoneAllowed: "Erlaubt. Sie können diesen Tab schließen und in der Seitenleiste „Beginnen“ drücken.",
  microphoneBlocked:
    "Chrome sperrt das Mikrofon. Drücken Sie auf das Symbol links in der Adresszeile, erlauben Sie das Mikrofon und drücken Sie die Schaltfläche noch einmal. Lässt es sich dort nicht ändern, fragen Sie Ihre IT-Abteilung.",

  // Settings
  settingsTab: "drTranscribe: Einstellungen",
  addresses: "Server",
  addressesHint: "Eine Adresse in jeder Zeile, etwa https://scribe.example/. Benutzt wird die erste, die antwortet; die anderen springen ein, wenn sie ausfällt.",
  addressesManaged: "Von Ihrer IT-Abteilung eingestellt.",
  keyHint: "Er bleibt in diesem Browser und geht nur an diese Server. Lassen Sie das Feld leer, wenn der Server keinen verlangt.",
  chunk: "Ton wird gesendet im Abstand von",
  seconds,
  usual: "Das Mikrofon, das Chrome benutzt",
  saveAndCheck: "Speichern und prüfen",
  saved: "Gespeichert.",
  hostsRefused:
    "Chrome darf diese Server nicht ansprechen; Fehler lassen sich deshalb weniger genau benennen. Speichern Sie noch einmal, um wieder gefragt zu werden. Fragt Chrome nicht, muss Ihre IT-Abteilung es erlauben.",
  ready: (host) => `${host} ist bereit.`,
  origin: (origin) => `Für den Betreiber des Servers: --allowed-origins ${origin}`,
};
