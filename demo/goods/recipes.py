"""The demo's cookbook. A recipe is its name and yield, its ingredients, and a paragraph for every step."""

RECIPES = """
Skillet corn bread
Serves 6 · 35 minutes

200 g fine corn meal
120 g flour
2 tsp baking powder
1 tsp salt
2 eggs
300 ml buttermilk
60 g butter
1 tbsp honey

Heat the oven to 210 °C and put an iron skillet in it with the butter.

Stir the corn meal, flour, baking powder and salt together. Beat the eggs with the buttermilk and the
honey, and fold both together until no dry spot is left.

Swirl the melted butter through the hot skillet, pour what runs off into the batter, and the batter into
the skillet. It should hiss.

Bake for 20 to 25 minutes, until the middle springs back. Eat it warm, with more honey.

---

Three-bean stew
Serves 4 · 50 minutes

1 onion
2 cloves of garlic
2 carrots
1 tbsp smoked paprika
1 tin of tomatoes
3 tins of beans, all different
1 bay leaf
A handful of parsley

Soften the onion and the carrots in oil for ten minutes, without any hurry. Add the garlic and the paprika
and stir for one minute more.

Add the tomatoes, the drained beans, the bay leaf and a tin of water. Simmer for 30 minutes with the lid
half on.

Crush a ladleful of beans against the side of the pot to thicken the stew. Salt, pepper, parsley, and bread
on the side.

---

Oats by the fire
Serves 2 · 15 minutes

100 g rolled oats
400 ml milk or oat milk
A pinch of salt
1 apple
A little butter
Cinnamon
Toasted hazelnuts

Bring the oats, the milk and the salt slowly to the boil and stir for five minutes, then let them rest
under a lid.

Slice the apple and brown it in the butter with the cinnamon.

Spoon the apple over the oats and scatter the nuts on top.

---

Jam from whatever is ripe
Makes 4 jars · 1 hour

1 kg fruit, cleaned and cut
500 g sugar
Juice of 1 lemon

Mix the fruit with the sugar and the lemon juice and leave it for half an hour.

Boil hard for 12 to 20 minutes, and skim off the foam. A drop on a cold plate that wrinkles when you push it
is ready.

Fill hot, clean jars to the rim and close them. It keeps for a year; it never lasts that long.
"""
