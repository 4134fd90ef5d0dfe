"""More words of languages that resemble one another: numbers, days, families, what people do."""

TEXTS = {
    "es": """
uno dos tres cuatro cinco seis siete ocho nueve diez cien mil lunes martes miércoles jueves viernes
sábado domingo enero febrero mayo julio hoy ayer mañana noche semana mes año hora padre madre hijo
hija hermano hermana amigo señor mujer hombre niño gente casa calle ciudad país mundo escuela
trabajo dinero libro palabra puerta mesa coche hacer decir tener poder querer saber ver dar venir
llegar hablar dejar seguir encontrar llamar pensar ha dicho están hemos fue hizo puede tiene quiere
bueno nuevo viejo grande pequeño primero último mismo mucho también ahora siempre nunca luego allí
aquí
""",
    "pt": """
um dois três quatro cinco seis sete oito nove dez cem mil segunda-feira terça-feira quarta-feira
sábado domingo janeiro fevereiro maio julho hoje ontem amanhã noite semana mês ano hora pai mãe
filho filha irmão irmã amigo senhor mulher homem criança gente casa rua cidade país mundo escola
trabalho dinheiro livro palavra porta mesa carro fazer dizer ter poder querer saber ver dar vir
chegar falar deixar seguir encontrar chamar pensar disse estão temos foi fez pode tem quer bom novo
velho grande pequeno primeiro último mesmo muito também agora sempre nunca depois ali aqui você não
são então
""",
    "it": """
uno due tre quattro cinque sei sette otto nove dieci cento mille lunedì martedì mercoledì giovedì
venerdì sabato domenica gennaio febbraio maggio luglio oggi ieri domani notte settimana mese anno
ora padre madre figlio figlia fratello sorella amico signore donna uomo bambino gente casa strada
città paese mondo scuola lavoro denaro libro parola porta tavolo fare dire avere potere volere
sapere vedere dare venire arrivare parlare lasciare trovare chiamare pensare ha detto stanno
abbiamo fu fece può vuole buono nuovo vecchio grande piccolo primo ultimo stesso molto adesso
sempre mai dopo lì qui
""",
    "ro": """
unu doi trei patru cinci șase șapte opt nouă zece sută mie luni marți miercuri joi vineri sâmbătă
duminică ianuarie februarie mai iulie astăzi ieri mâine noapte săptămână lună an oră tată mamă fiu
fiică frate soră prieten domnul femeie bărbat copil oameni casă stradă oraș țară lume școală muncă
bani carte cuvânt ușă masă mașina face spune avea putea vrea ști vedea veni ajunge vorbi lăsa găsi
chema gândi a spus fost făcut poate vreau bun nou vechi mare mic primul ultimul același mult acum
întotdeauna niciodată apoi acolo aici dumneavoastră trebuie fiecare aceasta despre împreună
""",
    "sv": """
en två tre fyra fem sex sju åtta nio tio hundra tusen måndag tisdag onsdag torsdag fredag lördag
söndag januari februari maj juli idag igår imorgon natt vecka månad år timme far mor son dotter
bror syster vän herr kvinna man pojke flicka människor hus gata stad land värld skola arbete pengar
bok ord dörr bord bil göra säga få kunna vilja veta se ge komma gå tala lämna följa hitta kalla
tänka sade gjorde blev fick måste god ny gammal stor liten första sista samma mycket också nu
alltid aldrig sedan där här inte jag något ingen vad vem hur varför eftersom mellan genom själv
tillbaka redan
""",
    "da": """
en to tre fire fem seks syv otte ni ti hundrede tusind mandag tirsdag onsdag torsdag fredag lørdag
søndag januar februar maj juli i dag i går i morgen nat uge måned år time far mor søn datter bror
søster ven hr kvinde mand dreng pige mennesker hus gade by land verden skole arbejde penge bog ord
dør bord bil gøre sige få kunne ville vide se give komme gå tale forlade følge finde kalde tænke
sagde gjorde blev fik måtte god ny gammel stor lille første sidste samme meget også nu altid aldrig
siden der her ikke jeg noget ingen hvad hvem hvordan hvorfor fordi mellem gennem selv tilbage
allerede
""",
    "nb": """
en to tre fire fem seks sju åtte ni ti hundre tusen mandag tirsdag onsdag torsdag fredag lørdag
søndag januar februar mai juli i dag i går i morgen natt uke måned år time far mor sønn datter bror
søster venn herr kvinne mann gutt jente mennesker hus gate by land verden skole arbeid penger bok
ord dør bord bil gjøre si få kunne ville vite se gi komme gå snakke forlate følge finne kalle tenke
sa gjorde ble fikk måtte god ny gammel stor liten første siste samme mye også nå alltid aldri siden
der her ikke jeg noe ingen hva hvem hvordan hvorfor fordi mellom gjennom selv tilbake allerede
""",
    "fi": """
yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen sata tuhat maanantai
tiistai keskiviikko torstai perjantai lauantai sunnuntai tammikuu toukokuu heinäkuu tänään eilen
huomenna yö viikko kuukausi vuosi tunti isä äiti poika tytär veli sisko ystävä herra nainen mies
lapsi ihmiset talo katu kaupunki maa maailma koulu työ raha kirja sana ovi pöytä auto tehdä sanoa
saada voida haluta tietää nähdä antaa tulla mennä puhua jättää seurata löytää kutsua ajatella sanoi
teki tuli sai täytyy hyvä uusi vanha suuri pieni ensimmäinen viimeinen sama paljon aina koskaan
siellä täällä minun meidän
""",
    "et": """
üks kaks kolm neli viis kuus seitse kaheksa üheksa kümme sada tuhat esmaspäev teisipäev kolmapäev
neljapäev reede laupäev pühapäev jaanuar mai juuli täna eile homme öö nädal kuu aasta tund isa ema
poeg tütar vend õde sõber härra naine mees laps inimesed maja tänav linn maa maailm kool töö raha
raamat sõna uks laud auto teha öelda saada võida tahta teada näha anda tulla minna rääkida jätta
leida kutsuda mõelda ütles tegi tuli sai peab hea uus vana suur väike esimene viimane sama palju
alati kunagi seal siin minu meie tema nende midagi keegi miks kuidas sellepärast vahel läbi ise
""",
    "cs": """
jeden dva tři čtyři pět šest sedm osm devět deset sto tisíc pondělí úterý středa čtvrtek pátek
sobota neděle leden únor květen červenec dnes včera zítra noc týden měsíc rok hodina otec matka syn
dcera bratr sestra přítel pán žena muž dítě lidé dům ulice město země svět škola práce peníze kniha
slovo dveře stůl auto dělat říci mít moci chtít vědět vidět dát přijít jít mluvit nechat najít
volat myslet řekl udělal byla musí dobrý nový starý velký malý první poslední stejný mnoho také
nyní vždy nikdy pak tam zde něco nikdo proč jak protože mezi skrz sám zpět již kteří jejich během
proti kolem
""",
    "sk": """
jeden dva tri štyri päť šesť sedem osem deväť desať sto tisíc pondelok utorok streda štvrtok piatok
sobota nedeľa január február máj júl dnes včera zajtra noc týždeň mesiac rok hodina otec matka syn
dcéra brat sestra priateľ pán žena muž dieťa ľudia dom ulica mesto krajina svet škola práca peniaze
kniha slovo dvere stôl auto robiť povedať mať môcť chcieť vedieť vidieť dať prísť ísť hovoriť nechať
nájsť volať myslieť povedal urobil bola musí dobrý nový starý veľký malý prvý posledný rovnaký veľa
teraz vždy nikdy potom tam tu niečo nikto prečo ako pretože medzi cez sám späť ktorí ich počas proti
""",
    "hr": """
jedan dva tri četiri pet šest sedam osam devet deset sto tisuća ponedjeljak utorak srijeda četvrtak
petak subota nedjelja siječanj svibanj srpanj danas jučer sutra noć tjedan mjesec godina sat otac
majka sin kći brat sestra prijatelj gospodin žena muškarac dijete ljudi kuća ulica grad zemlja
svijet škola posao novac knjiga riječ vrata stol raditi reći imati moći htjeti znati vidjeti dati
doći ići govoriti ostaviti naći zvati misliti rekao učinio bila mora dobar nov star velik mali prvi
posljednji isti mnogo sada uvijek nikada zatim tamo ovdje nešto nitko zašto kako između kroz natrag
tijekom
""",
    "ru": """
один два три четыре пять шесть семь восемь девять десять сто тысяча понедельник вторник среда
четверг пятница суббота воскресенье январь май июль сегодня вчера ночь неделя месяц год час отец
мать сын дочь брат сестра друг господин женщина мужчина ребёнок люди дом улица город страна мир
школа работа деньги книга слово дверь стол машина делать сказать иметь мочь хотеть знать видеть
дать прийти идти говорить оставить найти звать думать сказал сделал должен хороший новый старый
большой маленький первый последний много сейчас всегда никогда потом там здесь что-то никто почему
между через обратно
""",
    "uk": """
один два три чотири п'ять шість сім вісім дев'ять десять сто тисяча понеділок вівторок середа
четвер п'ятниця субота неділя січень травень липень сьогодні вчора ніч тиждень місяць рік година
батько мати син дочка брат сестра друг пан жінка чоловік дитина люди дім вулиця місто країна світ
школа робота гроші книга слово двері стіл робити сказати мати могти хотіти знати бачити дати прийти
йти говорити залишити знайти кликати думати сказав зробив повинен добрий новий старий великий малий
перший останній багато зараз завжди ніколи потім там тут щось ніхто чому між крізь назад який наші
цього
""",
    "bg": """
един два три четири пет шест седем осем девет десет сто хиляда понеделник вторник сряда четвъртък
петък събота неделя януари май юли днес вчера нощ седмица месец година час баща майка син дъщеря
брат сестра приятел господин жена мъж дете хора къща улица град страна свят училище работа пари
книга дума врата маса кола правя казвам имам мога искам зная виждам давам идвам отивам говоря
оставям намирам викам мисля каза направи трябва добър нов стар голям малък първият последният
същият сега винаги никога после там тук нещо никой защо между през обратно нашите техните тази този
бяха била
""",
    "sr": """
један два три четири пет шест седам осам девет десет сто хиљада понедељак уторак среда четвртак
петак субота недеља јануар мај јул данас јуче ноћ недеља месец година сат отац мајка син кћи брат
сестра пријатељ господин жена мушкарац дете људи кућа улица град земља свет школа посао новац књига
реч врата сто радити рећи имати моћи хтети знати видети дати доћи ићи говорити оставити наћи звати
мислити рекао учинио мора добар нов стар велики мали први последњи исти много сада увек никада
затим тамо овде нешто нико зашто између кроз назад током њихов нашег ове ова бисмо људима
""",
}
